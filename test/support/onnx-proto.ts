/** The ONNX schema for protobufjs: an independent reader and writer that tests measure ours against. */
import protobuf from 'protobufjs';

const SCHEMA = `
syntax = "proto2";
package onnx;
message StringStringEntryProto { optional string key = 1; optional string value = 2; }
message OperatorSetIdProto { optional string domain = 1; optional int64 version = 2; }
message ModelProto {
  optional int64 ir_version = 1; repeated OperatorSetIdProto opset_import = 8; optional string producer_name = 2; optional string producer_version = 3;
  optional string domain = 4; optional int64 model_version = 5; optional string doc_string = 6; optional GraphProto graph = 7;
  repeated StringStringEntryProto metadata_props = 14; repeated TrainingInfoProto training_info = 20; repeated FunctionProto functions = 25;
}
message TrainingInfoProto {
  optional GraphProto initialization = 1; optional GraphProto algorithm = 2;
  repeated StringStringEntryProto initialization_binding = 3; repeated StringStringEntryProto update_binding = 4;
}
message GraphProto {
  repeated NodeProto node = 1; optional string name = 2; repeated TensorProto initializer = 5; repeated SparseTensorProto sparse_initializer = 15;
  optional string doc_string = 10; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; repeated ValueInfoProto value_info = 13;
  repeated TensorAnnotation quantization_annotation = 14; repeated StringStringEntryProto metadata_props = 16;
}
message TensorAnnotation { optional string tensor_name = 1; repeated StringStringEntryProto quant_parameter_tensor_names = 2; }
message NodeProto {
  repeated string input = 1; repeated string output = 2; optional string name = 3; optional string op_type = 4; optional string domain = 7;
  optional string overload = 8; repeated AttributeProto attribute = 5; optional string doc_string = 6; repeated StringStringEntryProto metadata_props = 9;
}
message AttributeProto {
  optional string name = 1; optional string ref_attr_name = 21; optional string doc_string = 13; optional int32 type = 20;
  optional float f = 2; optional int64 i = 3; optional bytes s = 4; optional TensorProto t = 5; optional GraphProto g = 6;
  optional SparseTensorProto sparse_tensor = 22; optional TypeProto tp = 14; repeated float floats = 7; repeated int64 ints = 8; repeated bytes strings = 9;
  repeated TensorProto tensors = 10; repeated GraphProto graphs = 11; repeated SparseTensorProto sparse_tensors = 23; repeated TypeProto type_protos = 15;
}
message SparseTensorProto { optional TensorProto values = 1; optional TensorProto indices = 2; repeated int64 dims = 3; }
message TensorProto {
  repeated int64 dims = 1; optional int32 data_type = 2; repeated float float_data = 4 [packed = true]; repeated int32 int32_data = 5 [packed = true];
  repeated bytes string_data = 6; repeated int64 int64_data = 7 [packed = true]; optional string name = 8; optional string doc_string = 12;
  optional bytes raw_data = 9; repeated StringStringEntryProto external_data = 13; optional int32 data_location = 14;
  repeated double double_data = 10 [packed = true]; repeated uint64 uint64_data = 11 [packed = true]; repeated StringStringEntryProto metadata_props = 16;
}
message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; optional string doc_string = 3; repeated StringStringEntryProto metadata_props = 4; }
message TensorShapeProto { repeated Dimension dim = 1; message Dimension { optional int64 dim_value = 1; optional string dim_param = 2; optional string denotation = 3; } }
message TypeProto {
  optional TensorType tensor_type = 1; optional Element sequence_type = 4; optional MapType map_type = 5; optional string denotation = 6;
  optional TensorType sparse_tensor_type = 8; optional Element optional_type = 9;
  message TensorType { optional int32 elem_type = 1; optional TensorShapeProto shape = 2; }
  message Element { optional TypeProto elem_type = 1; }
  message MapType { optional int32 key_type = 1; optional TypeProto value_type = 2; }
}
message FunctionProto {
  optional string name = 1; repeated string input = 4; repeated string output = 5; repeated string attribute = 6; repeated AttributeProto attribute_proto = 11;
  repeated NodeProto node = 7; optional string doc_string = 8; repeated OperatorSetIdProto opset_import = 9; optional string domain = 10; optional string overload = 13;
  repeated ValueInfoProto value_info = 12; repeated StringStringEntryProto metadata_props = 14;
}
`;

const root = protobuf.parse(SCHEMA, { keepCase: true }).root;
export const ModelProto = root.lookupType('onnx.ModelProto');

/** A message as plain data: 64-bit integers and bytes as strings, absent fields absent. */
export type Plain = { [key: string]: unknown };

/** Decodes a ModelProto; 64-bit integers come as decimal strings, bytes as base64. */
export function decodeWithOracle(bytes: Uint8Array): Plain {
  return ModelProto.toObject(ModelProto.decode(bytes), { longs: String, bytes: String, arrays: false }) as Plain;
}

/** Encodes a ModelProto given as plain data: the way tests make files that no writer of ours would make. */
export function encodeWithOracle(model: Plain): Uint8Array {
  return ModelProto.encode(ModelProto.fromObject(model)).finish();
}
