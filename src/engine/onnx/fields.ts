/** Field numbers of onnx.proto3, by message. */
export const ModelField = {
  IR_VERSION: 1, PRODUCER_NAME: 2, PRODUCER_VERSION: 3, DOMAIN: 4, MODEL_VERSION: 5, DOC_STRING: 6, GRAPH: 7, OPSET_IMPORT: 8,
  METADATA_PROPS: 14, TRAINING_INFO: 20, FUNCTIONS: 25, CONFIGURATION: 26,
} as const;
export const OpsetField = { DOMAIN: 1, VERSION: 2 } as const;
export const EntryField = { KEY: 1, VALUE: 2 } as const;
export const GraphField = {
  NODE: 1, NAME: 2, INITIALIZER: 5, DOC_STRING: 10, INPUT: 11, OUTPUT: 12, VALUE_INFO: 13, QUANTIZATION: 14, SPARSE_INITIALIZER: 15,
} as const;
export const NodeField = { INPUT: 1, OUTPUT: 2, NAME: 3, OP_TYPE: 4, ATTRIBUTE: 5, DOC_STRING: 6, DOMAIN: 7, OVERLOAD: 8 } as const;
export const AttributeField = {
  NAME: 1, F: 2, I: 3, S: 4, T: 5, G: 6, FLOATS: 7, INTS: 8, STRINGS: 9, TENSORS: 10, GRAPHS: 11, DOC_STRING: 13, TP: 14, TYPE_PROTOS: 15,
  TYPE: 20, REF_ATTR_NAME: 21, SPARSE_TENSOR: 22, SPARSE_TENSORS: 23,
} as const;
/** AttributeProto.AttributeType. */
export const AttributeType = {
  UNDEFINED: 0, FLOAT: 1, INT: 2, STRING: 3, TENSOR: 4, GRAPH: 5, FLOATS: 6, INTS: 7, STRINGS: 8, TENSORS: 9, GRAPHS: 10,
  SPARSE_TENSOR: 11, SPARSE_TENSORS: 12, TYPE_PROTO: 13, TYPE_PROTOS: 14,
} as const;
export const TensorField = {
  DIMS: 1, DATA_TYPE: 2, FLOAT_DATA: 4, INT32_DATA: 5, STRING_DATA: 6, INT64_DATA: 7, NAME: 8, RAW_DATA: 9, DOUBLE_DATA: 10, UINT64_DATA: 11,
  DOC_STRING: 12, EXTERNAL_DATA: 13, DATA_LOCATION: 14,
} as const;
export const SparseTensorField = { VALUES: 1, INDICES: 2, DIMS: 3 } as const;
export const ValueInfoField = { NAME: 1, TYPE: 2 } as const;
export const TypeField = { TENSOR: 1, SEQUENCE: 4, MAP: 5, SPARSE_TENSOR: 8, OPTIONAL: 9 } as const;
export const TensorTypeField = { ELEM_TYPE: 1, SHAPE: 2 } as const;
export const ShapeField = { DIM: 1 } as const;
export const DimField = { VALUE: 1, PARAM: 2 } as const;
export const FunctionField = { NAME: 1, INPUT: 4, OUTPUT: 5, NODE: 7, OPSET_IMPORT: 9, DOMAIN: 10, ATTRIBUTE_PROTO: 11, OVERLOAD: 13 } as const;
export const TrainingField = { INITIALIZATION: 1, ALGORITHM: 2 } as const;
