/** Between the engine's tensors and those that cross to the runtime. */
import type { TensorElementType, TensorValue } from '../../../base/ports.ts';
import { byteLength, makeTensor } from '../../onnx/tensor.ts';
import { DataType, type Tensor } from '../../onnx/types.ts';

const TYPES: Readonly<Partial<Record<TensorElementType, number>>> = {
  float32: DataType.FLOAT, float64: DataType.DOUBLE, float16: DataType.FLOAT16, bfloat16: DataType.BFLOAT16,
  int8: DataType.INT8, uint8: DataType.UINT8, int16: DataType.INT16, uint16: DataType.UINT16, int32: DataType.INT32, uint32: DataType.UINT32,
  int64: DataType.INT64, uint64: DataType.UINT64, bool: DataType.BOOL,
};

/** null for strings, 4-bit types, and where the bytes do not fit the shape. */
export function tensorOfValue(name: string, value: TensorValue): Tensor | null {
  const dataType = TYPES[value.type];
  if (dataType === undefined || value.bytes.length !== byteLength(dataType, value.dims)) return null;
  return makeTensor(name, dataType, value.dims, value.bytes);
}
