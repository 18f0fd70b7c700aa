/**
 * Floating-point elements of constants. Arithmetic on them is done in float64 and rounded once, when the tensor is made:
 * folding then adds at most half a unit in the last place per weight.
 */
import { bytesOf, makeTensor, tensorBytes, tensorFloats } from '../../onnx/tensor.ts';
import { DataType, type Tensor } from '../../onnx/types.ts';

export type Floats = Float32Array | Float64Array;

/** True for the types that folding computes in: float, double, float16. */
export function isFloat(dataType: number): boolean {
  return dataType === DataType.FLOAT || dataType === DataType.DOUBLE || dataType === DataType.FLOAT16;
}

/** The elements, each exact; null where the type is none of float, double, float16. */
export function readFloats(tensor: Tensor): Floats | null {
  if (tensor.dataType === DataType.FLOAT || tensor.dataType === DataType.FLOAT16) return tensorFloats(tensor);
  if (tensor.dataType !== DataType.DOUBLE) return null;
  const bytes = tensorBytes(tensor);
  const source = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return new Float64Array(source.buffer, source.byteOffset, source.byteLength >> 3);
}

/** Room for `length` results of a type: what is stored in it is rounded as the tensor will be, or kept at float64 until then. */
export function newFloats(dataType: number, length: number): Floats {
  return dataType === DataType.FLOAT ? new Float32Array(length) : new Float64Array(length);
}

/** A tensor of float, double or float16 from numbers. */
export function makeFloats(name: string, dataType: number, dims: readonly number[], values: Floats | readonly number[]): Tensor {
  if (dataType === DataType.DOUBLE) return makeTensor(name, dataType, dims, bytesOf(values instanceof Float64Array ? values : Float64Array.from(values)));
  if (dataType === DataType.FLOAT16) return makeTensor(name, dataType, dims, bytesOf(Uint16Array.from(values, floatToHalf)));
  return makeTensor(name, DataType.FLOAT, dims, bytesOf(values instanceof Float32Array ? values : Float32Array.from(values)));
}

const scratch = new DataView(new ArrayBuffer(8));

/** Number to IEEE 754 binary16, to nearest, ties to even; too large becomes infinity. */
export function floatToHalf(value: number): number {
  scratch.setFloat64(0, value);
  const high = scratch.getUint32(0);
  const sign = (high >>> 16) & 0x8000;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -25) return sign;
  const exponent = Math.max(((high >>> 20) & 0x7ff) - 1023, -14);
  // The unit in the last place of the result; scaling by a power of two is exact, so that one rounding is left.
  const units = roundToEven(magnitude / 2 ** (exponent - 10));
  // A carry out of the fraction runs into the exponent, which is what it should do.
  return sign | (exponent === -14 && units < 1024 ? units : ((exponent + 15) << 10) + (units - 1024));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}

/** True where every element is finite. */
export function allFinite(values: Floats | readonly number[]): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
