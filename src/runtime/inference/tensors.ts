/** Tensors between bytes, as they cross, and the runtime's own. */
import { Tensor } from 'onnxruntime-node';
import { EdgewiseError } from '../../base/errors.ts';
import { halfToFloat } from '../../base/float16.ts';
import type { TensorElementType, TensorValue } from '../../base/ports.ts';

type Numbers = Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** float16 and bfloat16 travel as their 16-bit patterns. */
const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
} as const;

type Known = keyof typeof ARRAYS;

/** A typed array of `length` zeros for an element type. @throws RUNTIME_ERROR for types that the runtime does not take as input, RESOURCE_LIMIT */
export function emptyArray(type: TensorElementType, length: number): Numbers {
  if (!(type in ARRAYS)) {
    throw new EdgewiseError('RUNTIME_ERROR', `Inputs of type ${type} cannot be fed to the runtime from here.`, { hint: 'Use a model whose inputs are float32 or integers.' });
  }
  try {
    return new ARRAYS[type as Known](length);
  } catch (error) {
    throw new EdgewiseError('RESOURCE_LIMIT', `An input of ${length.toLocaleString('en')} elements of type ${type} is more than this machine can hold.`, {
      hint: 'Export the model with a smaller input.',
      details: { elements: length },
      cause: error,
    });
  }
}

export function makeTensor(type: TensorElementType, data: Numbers, dims: readonly number[]): Tensor {
  return new Tensor(type as 'float32', data as Float32Array, [...dims]);
}

export function toRuntime(value: TensorValue): Tensor {
  if (value.type === 'string') return new Tensor('string', [...(value.strings ?? [])], [...value.dims]);
  const template = emptyArray(value.type, 0);
  const make = template.constructor as new (buffer: ArrayBuffer) => Numbers;
  // A copy of its own: views that came over IPC may be unaligned.
  return makeTensor(value.type, new make(new Uint8Array(value.bytes).buffer), value.dims);
}

export function fromRuntime(tensor: Tensor): TensorValue {
  const type = tensor.type as TensorElementType;
  if (type === 'string') return { type, dims: tensor.dims, bytes: new Uint8Array(), strings: tensor.data as string[] };
  const data = tensor.data as Numbers;
  return { type, dims: tensor.dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
}

/** The elements as float32 where the tensor is floating point; undefined where it is not. Shares memory for float32. */
export function floatsOf(tensor: Tensor): Float32Array | undefined {
  if (tensor.type === 'float32') return tensor.data as Float32Array;
  if (tensor.type === 'float64') return Float32Array.from(tensor.data as Float64Array);
  if ((tensor.type as string) === 'float16') return Float32Array.from(tensor.data as unknown as Uint16Array, halfToFloat);
  return undefined;
}
