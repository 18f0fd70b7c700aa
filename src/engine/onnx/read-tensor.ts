/** TensorProto and ValueInfoProto. What can be checked without looking at elements is checked here, so every tensor in memory is sound. */
import { EdgewiseError } from '../../base/errors.ts';
import type { ExternalFiles } from '../../base/ports.ts';
import { DimField, EntryField, ShapeField, TensorField, TensorTypeField, TypeField, ValueInfoField } from './fields.ts';
import type { Budget } from './limits.ts';
import { tooLarge } from './limits.ts';
import { shorten } from './shown.ts';
import { bitsPerElement, dataTypeName } from './tensor.ts';
import { DataType, type Dim, type Tensor, type TensorPayload, type ValueInfo } from './types.ts';
import { PackedBytes, WireReader, WireType, malformed } from './wire.ts';

/** What every part of the reader needs to know. */
export interface ReadContext {
  readonly budget: Budget;
  readonly external: ExternalFiles;
}

export function badTensor(name: string, what: string, details: Readonly<Record<string, unknown>> = {}): EdgewiseError {
  return new EdgewiseError('BAD_TENSOR', `Tensor "${shorten(name)}" ${what}.`, {
    hint: 'Export the model again; its weights do not match their description.',
    details: { tensor: shorten(name), ...details },
  });
}

/** Reads one TensorProto: all that the reader has. */
export function readTensor(reader: WireReader, context: ReadContext): Tensor {
  const start = reader.position;
  const { limits } = context.budget;
  const dims = new PackedBytes();
  const floats = new PackedBytes();
  const int32s = new PackedBytes();
  const int64s = new PackedBytes();
  const doubles = new PackedBytes();
  const uint64s = new PackedBytes();
  const strings: Uint8Array[] = [];
  const external = new Map<string, string>();
  let name = '';
  let dataType = 0;
  let raw: Uint8Array | null = null;
  let location = 0;
  while (reader.next()) {
    switch (reader.field) {
      case TensorField.DIMS:
        dims.add(reader, WireType.VARINT, 'the dimensions of a tensor');
        break;
      case TensorField.DATA_TYPE:
        dataType = reader.integer("a tensor's element type");
        break;
      case TensorField.NAME:
        name = reader.text('The name of a tensor', limits.nameBytes);
        break;
      case TensorField.RAW_DATA:
        raw = reader.view("a tensor's raw_data");
        break;
      case TensorField.FLOAT_DATA:
        floats.add(reader, WireType.FIXED32, "a tensor's float_data");
        break;
      case TensorField.INT32_DATA:
        int32s.add(reader, WireType.VARINT, "a tensor's int32_data");
        break;
      case TensorField.INT64_DATA:
        int64s.add(reader, WireType.VARINT, "a tensor's int64_data");
        break;
      case TensorField.DOUBLE_DATA:
        doubles.add(reader, WireType.FIXED64, "a tensor's double_data");
        break;
      case TensorField.UINT64_DATA:
        uint64s.add(reader, WireType.VARINT, "a tensor's uint64_data");
        break;
      case TensorField.STRING_DATA:
        context.budget.take('tensorStrings', 1, reader.fieldStart);
        strings.push(reader.view("a tensor's string_data"));
        break;
      case TensorField.EXTERNAL_DATA: {
        context.budget.take('entries', 1, reader.fieldStart);
        const [key, value] = readEntry(reader.message('external_data'), limits.nameBytes, limits.nameBytes);
        // Which of two counts is every reader's own choice.
        if (external.has(key)) throw badExternal(name, `it gives ${shorten(key) || 'something'} twice`);
        external.set(key, value);
        break;
      }
      case TensorField.DATA_LOCATION:
        location = reader.integer("a tensor's data_location");
        // Other readers cut it to 32 bits, or leave out a value that they do not know: then data that look internal here come from a file there.
        if (location !== 0 && location !== 1) malformed('a data_location other than 0 and 1 in a tensor', reader.fieldStart);
        break;
      default:
        reader.skip();
    }
  }
  const shape = readDims(name, dims.bytes, limits.rank);
  const bits = bitsPerElement(dataType);
  if (bits === 0 && dataType !== DataType.STRING) throw badTensor(name, `has element type ${dataType}, which does not exist`, { dataType });
  const bytes = checkedByteLength(name, shape, bits);
  const typed = { floats, int32s, int64s, doubles, uint64s };
  let payload: TensorPayload;
  if (location === 1) payload = externalPayload(name, external, dataType, bytes, context.external);
  else if (dataType === DataType.STRING) payload = stringPayload(name, shape, strings, raw);
  else payload = numberPayload(name, dataType, shape, bytes, raw, typed);
  return { name, dataType, dims: shape, payload, encoded: reader.bytes.subarray(start, reader.end) };
}

/** A StringStringEntryProto. */
export function readEntry(reader: WireReader, keyBytes: number, valueBytes: number): [key: string, value: string] {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === EntryField.KEY) key = reader.text('The key of an entry', keyBytes);
    else if (reader.field === EntryField.VALUE) value = reader.text('The value of an entry', valueBytes);
    else reader.skip();
  }
  return [key, value];
}

function readDims(name: string, packed: Uint8Array, maxRank: number): number[] {
  const dims: number[] = [];
  countVarints(packed);
  const reader = new WireReader(packed);
  while (reader.position < reader.end) {
    if (dims.length >= maxRank) throw tooLarge(`Tensor "${shorten(name)}" has more than ${maxRank} dimensions`, 'rank', maxRank);
    const dim = reader.rawInteger();
    if (dim < 0) throw badTensor(name, `has a negative dimension, ${dim}`, { dim });
    if (!Number.isSafeInteger(dim)) throw badTensor(name, `has a dimension of ${dim}, which no memory can hold`, { dim });
    dims.push(dim);
  }
  return dims;
}

function checkedByteLength(name: string, dims: readonly number[], bits: number): number {
  if (dims.includes(0)) return 0;
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const bytes = Math.ceil((elements * bits) / 8);
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(elements * bits)) {
    throw badTensor(name, `has the shape [${dims.join(', ')}], which overflows: no memory can hold it`, { dims });
  }
  return bytes;
}

function badExternal(name: string, what: string): EdgewiseError {
  return new EdgewiseError('EXTERNAL_BAD', `Tensor "${shorten(name)}" keeps its data outside of the model, but ${what}.`, {
    hint: 'Export the model again, and keep the .onnx file together with its data file.',
    details: { tensor: shorten(name) },
  });
}

function externalPayload(name: string, entries: ReadonlyMap<string, string>, dataType: number, bytes: number, files: ExternalFiles): TensorPayload {
  const bad = (what: string): EdgewiseError => badExternal(name, what);
  if (dataType === DataType.STRING) throw badTensor(name, 'keeps strings outside of the model, which ONNX does not allow');
  const location = entries.get('location') ?? '';
  if (location === '') throw bad('it does not say in which file');
  const number = (key: string, fallback: number): number => {
    const text = entries.get(key);
    if (text === undefined) return fallback;
    if (!/^-?\d+$/.test(text)) throw bad(`its ${key}, "${shorten(text)}", is not a number`);
    const value = Number(text);
    if (value < 0) throw bad(`its ${key}, ${shorten(text)}, is negative`);
    if (!Number.isSafeInteger(value)) throw bad(`its ${key}, ${shorten(text)}, is larger than any file`);
    return value;
  };
  const offset = number('offset', 0);
  const length = number('length', bytes);
  if (length !== bytes) throw bad(`its length is ${length} bytes where its shape needs ${bytes}`);
  if (!Number.isSafeInteger(offset + length)) throw bad('its end is larger than any file');
  return { kind: 'external', location, offset, length, open: () => files.open(location) };
}

function stringPayload(name: string, dims: readonly number[], values: readonly Uint8Array[], raw: Uint8Array | null): TensorPayload {
  if (raw !== null && raw.length > 0) throw badTensor(name, 'holds strings as raw_data, which ONNX does not allow');
  const expected = dims.reduce((product, dim) => product * dim, 1);
  if (values.length !== expected) throw badTensor(name, `has ${values.length} strings where its shape needs ${expected}`);
  return { kind: 'strings', values };
}

type TypedFields = Readonly<Record<'floats' | 'int32s' | 'int64s' | 'doubles' | 'uint64s', PackedBytes>>;

/** Which typed field holds the elements of a type, after the comments in onnx.proto3; int32_data for all others. */
const TYPED_FIELD: Readonly<Record<number, keyof TypedFields>> = {
  [DataType.FLOAT]: 'floats', [DataType.COMPLEX64]: 'floats',
  [DataType.DOUBLE]: 'doubles', [DataType.COMPLEX128]: 'doubles',
  [DataType.INT64]: 'int64s', [DataType.UINT64]: 'uint64s', [DataType.UINT32]: 'uint64s',
};

function numberPayload(name: string, dataType: number, dims: readonly number[], bytes: number, raw: Uint8Array | null, typed: TypedFields): TensorPayload {
  const expectedField = TYPED_FIELD[dataType] ?? 'int32s';
  const present = (Object.keys(typed) as (keyof TypedFields)[]).filter((key) => typed[key].bytes.length > 0);
  if (raw !== null && (raw.length > 0 || present.length === 0)) {
    if (present.length > 0) throw badTensor(name, 'has its elements twice, as raw_data and as a typed list');
    return sized(name, dims, dataType, bytes, raw);
  }
  const other = present.find((key) => key !== expectedField);
  if (other !== undefined) throw badTensor(name, `of type ${dataTypeName(dataType)} has its elements in the list of another type`);
  const list = typed[expectedField];
  if (expectedField === 'floats' || expectedField === 'doubles') return sized(name, dims, dataType, bytes, list.bytes);
  const bits = bitsPerElement(dataType);
  // Types below 8 bits travel packed: one int32 holds one byte of elements.
  const elements = bits < 8 ? bytes : (bytes * 8) / bits;
  const found = countVarints(list.bytes);
  if (found !== elements) throw badTensor(name, `has ${found} elements where its shape [${dims.join(', ')}] needs ${elements}`);
  return { kind: 'varints', chunks: [list.bytes] };
}

function sized(name: string, dims: readonly number[], dataType: number, expected: number, bytes: Uint8Array): TensorPayload {
  if (bytes.length !== expected) {
    throw badTensor(
      name,
      `has ${bytes.length} bytes of data where its shape [${dims.join(', ')}] of ${dataTypeName(dataType)} needs ${expected}`,
      { bytes: bytes.length, expected },
    );
  }
  return { kind: 'raw', bytes };
}

function countVarints(packed: Uint8Array): number {
  let count = 0;
  let length = 0;
  for (let i = 0; i < packed.length; i++) {
    length++;
    if ((packed[i] as number) < 0x80) {
      count++;
      length = 0;
    } else if (length >= 10) malformed('an integer of more than 10 bytes in a tensor', packed.byteOffset + i);
  }
  if (length > 0) malformed('an integer that is cut off in a tensor', packed.byteOffset + packed.length);
  return count;
}

const MAX_TYPE_DEPTH = 16;

/** Reads one ValueInfoProto; types that are not plain tensors stay as bytes. */
export function readValueInfo(reader: WireReader, context: ReadContext): ValueInfo {
  const start = reader.position;
  const { limits } = context.budget;
  let name = '';
  let elemType = 0;
  let shape: Dim[] | null = null;
  while (reader.next()) {
    if (reader.field === ValueInfoField.NAME) name = reader.text('The name of a value', limits.nameBytes);
    else if (reader.field === ValueInfoField.TYPE) {
      const type = reader.message('the type of a value');
      checkTypeDepth(new WireReader(type.bytes, type.position, type.end), 1);
      while (type.next()) {
        if (type.field === TypeField.TENSOR) ({ elemType, shape } = readTensorType(type.message('a tensor type'), context));
        else type.skip();
      }
    } else reader.skip();
  }
  return { name, elemType, shape, encoded: reader.bytes.subarray(start, reader.end) };
}

function readTensorType(reader: WireReader, context: ReadContext): { elemType: number; shape: Dim[] | null } {
  let elemType = 0;
  let shape: Dim[] | null = null;
  while (reader.next()) {
    if (reader.field === TensorTypeField.ELEM_TYPE) elemType = reader.integer('an element type');
    else if (reader.field === TensorTypeField.SHAPE) shape = readShape(reader.message('a shape'), context);
    else reader.skip();
  }
  return { elemType, shape };
}

function readShape(reader: WireReader, context: ReadContext): Dim[] {
  const { limits } = context.budget;
  const shape: Dim[] = [];
  while (reader.next()) {
    if (reader.field !== ShapeField.DIM) {
      reader.skip();
      continue;
    }
    if (shape.length >= limits.rank) throw tooLarge(`A value has more than ${limits.rank} dimensions`, 'rank', limits.rank, reader.fieldStart);
    shape.push(readDim(reader.message('a dimension'), limits.nameBytes));
  }
  return shape;
}

/** Some exporters write -1 for a dimension that is not known. */
function readDim(reader: WireReader, nameBytes: number): Dim {
  let dim: Dim = null;
  while (reader.next()) {
    if (reader.field === DimField.VALUE) {
      const value = reader.integer('a dimension');
      dim = value >= 0 && Number.isSafeInteger(value) ? value : null;
    } else if (reader.field === DimField.PARAM) {
      const symbol = reader.text('The name of a dimension', nameBytes);
      dim = symbol === '' ? null : symbol;
    } else reader.skip();
  }
  return dim;
}

/** Sequences of sequences of ...: other readers descend into them, so their depth is bounded here. */
export function checkTypeDepth(type: WireReader, depth: number): void {
  if (depth > MAX_TYPE_DEPTH) {
    throw new EdgewiseError('TOO_DEEP', `A type is nested more than ${MAX_TYPE_DEPTH} levels deep at byte ${type.position}.`, {
      hint: 'Models nested this deep are refused; export the model in a flatter form.',
      details: { byte: type.position, limit: MAX_TYPE_DEPTH },
    });
  }
  while (type.next()) {
    const field = type.field;
    if (field !== TypeField.SEQUENCE && field !== TypeField.OPTIONAL && field !== TypeField.MAP) {
      type.skip();
      continue;
    }
    const inner = type.message('a nested type');
    const elementField = field === TypeField.MAP ? 2 : 1;
    while (inner.next()) {
      if (inner.field === elementField) checkTypeDepth(inner.message('a nested type'), depth + 1);
      else inner.skip();
    }
  }
}
