/**
 * The model in memory, after onnx.proto3 (IR 3 to 13). Tensors and attributes are immutable values; nodes and
 * graphs change only through the edit operations of `Graph`. What Edgewise does not know it keeps as bytes.
 */
import type { ByteSource } from '../../base/ports.ts';

/** TensorProto.DataType. */
export const DataType = {
  UNDEFINED: 0, FLOAT: 1, UINT8: 2, INT8: 3, UINT16: 4, INT16: 5, INT32: 6, INT64: 7, STRING: 8, BOOL: 9,
  FLOAT16: 10, DOUBLE: 11, UINT32: 12, UINT64: 13, COMPLEX64: 14, COMPLEX128: 15, BFLOAT16: 16,
  FLOAT8E4M3FN: 17, FLOAT8E4M3FNUZ: 18, FLOAT8E5M2: 19, FLOAT8E5M2FNUZ: 20, UINT4: 21, INT4: 22,
  FLOAT4E2M1: 23, FLOAT8E8M0: 24, UINT2: 25, INT2: 26,
} as const;

/** Where a tensor's elements are. `raw` is little-endian, packed as in raw_data. */
export type TensorPayload =
  | { readonly kind: 'raw'; readonly bytes: Uint8Array }
  /** Elements as varints of a packed or unpacked typed field (int32_data, int64_data, uint64_data): decoded when asked for. */
  | { readonly kind: 'varints'; readonly chunks: readonly Uint8Array[] }
  | { readonly kind: 'strings'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'external'; readonly location: string; readonly offset: number; readonly length: number; readonly open: () => ByteSource };

export interface Tensor {
  readonly name: string;
  /** A value of `DataType`. */
  readonly dataType: number;
  readonly dims: readonly number[];
  readonly payload: TensorPayload;
  /** The TensorProto as it stood in the file, unknown fields included; a writer copies it. Absent on tensors made here. */
  readonly encoded?: Uint8Array;
}

/** A dimension: a number, a symbol such as `batch`, or unknown. */
export type Dim = number | string | null;
export type Shape = readonly Dim[];

export interface ValueInfo {
  readonly name: string;
  /** Tensor element type; 0 where the value is not a tensor or its type is not known. */
  readonly elemType: number;
  /** `null`: unknown rank. */
  readonly shape: Shape | null;
  /** The ValueInfoProto as it stood in the file, for sequences, maps, optionals and unknown fields. */
  readonly encoded?: Uint8Array;
}

/** AttributeProto.AttributeType, as a union. 64-bit integers are bigint so that none is lost. */
export type Attribute = AttributeValue & {
  /** Doc string and unknown fields of the AttributeProto, as field bytes including tags. */
  readonly rest?: readonly Uint8Array[];
};

export type AttributeValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: GraphData }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly GraphData[] }
  /** Sparse tensors, type protos, and references to a function's attribute: kept as bytes of the AttributeProto. */
  | { readonly kind: 'opaque'; readonly encoded: Uint8Array };

/** One NodeProto. `inputs` may hold empty names for optional inputs left out. */
export interface NodeData {
  name: string;
  opType: string;
  /** '' and 'ai.onnx' both mean the standard operators; the reader turns the latter into ''. */
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  docString: string;
  /** The other fields of the NodeProto (overload, metadata_props, unknown ones), as field bytes including tags. */
  rest: Uint8Array[];
}

/** One GraphProto, as data. */
export interface GraphData {
  name: string;
  docString: string;
  nodes: NodeData[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  /** In file order. */
  initializers: Map<string, Tensor>;
  valueInfo: Map<string, ValueInfo>;
  /** quantization_annotation, sparse_initializer, metadata_props, unknown fields: field bytes including tags. */
  rest: Uint8Array[];
}

export interface OpsetImport {
  readonly domain: string;
  readonly version: number;
}

/** One ModelProto. */
export interface Model {
  irVersion: number;
  opsets: OpsetImport[];
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: bigint;
  docString: string;
  graph: GraphData;
  metadata: { key: string; value: string }[];
  /** FunctionProtos, as bytes of each message. */
  functions: Uint8Array[];
  rest: Uint8Array[];
}

/** Version of the standard operator set that the model imports; 0 when it imports none. */
export function opsetOf(model: Pick<Model, 'opsets'>, domain = ''): number {
  return model.opsets.find((opset) => opset.domain === domain)?.version ?? 0;
}
