/** Elements of tensors: reading them as numbers whatever their encoding, and making new tensors. */
import { EdgewiseError } from '../../base/errors.ts';
import { halfToFloat } from '../../base/float16.ts';
import { DataType, type Tensor } from './types.ts';

/** Bits per element by DataType; 0 where the type has no fixed size. */
const BITS: Readonly<Record<number, number>> = {
  [DataType.FLOAT]: 32, [DataType.UINT8]: 8, [DataType.INT8]: 8, [DataType.UINT16]: 16, [DataType.INT16]: 16, [DataType.INT32]: 32,
  [DataType.INT64]: 64, [DataType.BOOL]: 8, [DataType.FLOAT16]: 16, [DataType.DOUBLE]: 64, [DataType.UINT32]: 32, [DataType.UINT64]: 64,
  [DataType.COMPLEX64]: 64, [DataType.COMPLEX128]: 128, [DataType.BFLOAT16]: 16, [DataType.FLOAT8E4M3FN]: 8, [DataType.FLOAT8E4M3FNUZ]: 8,
  [DataType.FLOAT8E5M2]: 8, [DataType.FLOAT8E5M2FNUZ]: 8, [DataType.UINT4]: 4, [DataType.INT4]: 4, [DataType.FLOAT4E2M1]: 4,
  [DataType.FLOAT8E8M0]: 8, [DataType.UINT2]: 2, [DataType.INT2]: 2,
};

/** 0 for strings and unknown types. */
export function bitsPerElement(dataType: number): number {
  return BITS[dataType] ?? 0;
}

/** Number of elements; 1 for a scalar (no dims). */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Bytes of the elements as raw data (4-bit and 2-bit types packed). */
export function byteLength(dataType: number, dims: readonly number[]): number {
  return Math.ceil((elementCount(dims) * bitsPerElement(dataType)) / 8);
}

/**
 * The elements as raw little-endian bytes. A view on the file where the encoding allows, else a copy; external data is read each
 * time it is asked for and not kept.
 */
export function tensorBytes(tensor: Tensor): Uint8Array {
  const payload = tensor.payload;
  switch (payload.kind) {
    case 'raw':
      return payload.bytes;
    case 'external':
      return payload.open().read(payload.offset, payload.length);
    case 'varints':
      return bytesOfVarints(tensor.dataType, tensor.dims, payload.chunks);
    case 'strings':
      throw new EdgewiseError('BAD_TENSOR', `Tensor "${tensor.name}" holds strings, not numbers.`, { details: { tensor: tensor.name } });
  }
}

/** What is read of a data file at a time: a multiple of every element's size. */
const PIECE_BYTES = 8 * 2 ** 20;

/** The same bytes as `tensorBytes`, those of a data file a few megabytes at a time: a tensor of gigabytes is never whole in memory. */
export function* tensorPieces(tensor: Tensor): Generator<Uint8Array> {
  const { payload } = tensor;
  if (payload.kind !== 'external') {
    yield tensorBytes(tensor);
    return;
  }
  const source = payload.open();
  for (let at = 0; at < payload.length; at += PIECE_BYTES) yield source.read(payload.offset + at, Math.min(PIECE_BYTES, payload.length - at));
}

/** The elements as float32. @throws BAD_TENSOR when the type is no floating-point type */
export function tensorFloats(tensor: Tensor): Float32Array {
  const bytes = tensorBytes(tensor);
  switch (tensor.dataType) {
    case DataType.FLOAT: {
      if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
      return new Float32Array(new Uint8Array(bytes).buffer, 0, bytes.byteLength >> 2);
    }
    case DataType.DOUBLE:
      return Float32Array.from(aligned(bytes, 8, (buffer, offset, length) => new Float64Array(buffer, offset, length)));
    case DataType.FLOAT16:
      return Float32Array.from(aligned(bytes, 2, (buffer, offset, length) => new Uint16Array(buffer, offset, length)), halfToFloat);
    case DataType.BFLOAT16: {
      const halves = aligned(bytes, 2, (buffer, offset, length) => new Uint16Array(buffer, offset, length));
      return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
    }
    default:
      throw new EdgewiseError('BAD_TENSOR', `Tensor "${tensor.name}" is of type ${dataTypeName(tensor.dataType)}, not floating point.`, { details: { tensor: tensor.name } });
  }
}

/** The elements of an integer or bool tensor, exact. @throws BAD_TENSOR when the type is no integer type */
export function tensorIntegers(tensor: Tensor): bigint[] {
  const bytes = tensorBytes(tensor);
  switch (tensor.dataType) {
    case DataType.INT64:
      return [...aligned(bytes, 8, (buffer, offset, length) => new BigInt64Array(buffer, offset, length))];
    case DataType.UINT64:
      return [...aligned(bytes, 8, (buffer, offset, length) => new BigUint64Array(buffer, offset, length))];
    case DataType.INT32:
      return Array.from(aligned(bytes, 4, (buffer, offset, length) => new Int32Array(buffer, offset, length)), BigInt);
    case DataType.UINT32:
      return Array.from(aligned(bytes, 4, (buffer, offset, length) => new Uint32Array(buffer, offset, length)), BigInt);
    case DataType.INT16:
      return Array.from(aligned(bytes, 2, (buffer, offset, length) => new Int16Array(buffer, offset, length)), BigInt);
    case DataType.UINT16:
      return Array.from(aligned(bytes, 2, (buffer, offset, length) => new Uint16Array(buffer, offset, length)), BigInt);
    case DataType.INT8:
      return Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), BigInt);
    case DataType.UINT8:
    case DataType.BOOL:
      return Array.from(bytes, BigInt);
    default:
      throw new EdgewiseError('BAD_TENSOR', `Tensor "${tensor.name}" is of type ${dataTypeName(tensor.dataType)}, not an integer type.`, { details: { tensor: tensor.name } });
  }
}

/** A tensor with raw little-endian bytes. */
export function makeTensor(name: string, dataType: number, dims: readonly number[], bytes: Uint8Array): Tensor {
  return { name, dataType, dims, payload: { kind: 'raw', bytes } };
}

export function floatTensor(name: string, dims: readonly number[], values: Float32Array): Tensor {
  return makeTensor(name, DataType.FLOAT, dims, bytesOf(values));
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly (number | bigint)[]): Tensor {
  return makeTensor(name, DataType.INT64, dims, bytesOf(BigInt64Array.from(values, BigInt)));
}

export function int32Tensor(name: string, dims: readonly number[], values: Int32Array): Tensor {
  return makeTensor(name, DataType.INT32, dims, bytesOf(values));
}

/** The same elements under another name. */
export function renameTensor(tensor: Tensor, name: string): Tensor {
  if (tensor.name === name) return tensor;
  const { encoded: _encoded, ...rest } = tensor;
  return { ...rest, name };
}

/** The same elements in another shape. */
export function reshapeTensor(tensor: Tensor, dims: readonly number[]): Tensor {
  const { encoded: _encoded, ...rest } = tensor;
  return { ...rest, dims };
}

/** Bytes of a typed array, shared. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(Object.entries(DataType).map(([name, value]) => [value, name.toLowerCase()]));

/** `float`, `int64`, ... as in onnx.proto3, or `type 99`. */
export function dataTypeName(dataType: number): string {
  return TYPE_NAMES[dataType] ?? `type ${dataType}`;
}


function aligned<T>(bytes: Uint8Array, size: number, make: (buffer: ArrayBuffer, offset: number, length: number) => T): T {
  const source = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return make(source.buffer as ArrayBuffer, source.byteOffset, Math.floor(source.byteLength / size));
}

function bytesOfVarints(dataType: number, dims: readonly number[], chunks: readonly Uint8Array[]): Uint8Array {
  const bits = bitsPerElement(dataType);
  // Types below 8 bits travel packed: one int32 element holds one byte of packed elements.
  const step = Math.max(1, bits >> 3);
  const bytes = new Uint8Array(byteLength(dataType, dims));
  let at = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; ) {
      let low = 0;
      let high = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = chunk[i++];
        if (byte === undefined) break;
        const value = byte & 0x7f;
        if (shift < 28) low |= value << shift;
        else if (shift === 28) {
          low |= value << 28;
          high = value >> 4;
        } else high |= value << (shift - 32);
        if (byte < 0x80) break;
      }
      for (let k = 0; k < step && at < bytes.length; k++) bytes[at++] = (k < 4 ? low >>> (8 * k) : high >>> (8 * (k - 4))) & 0xff;
    }
  }
  return bytes;
}
