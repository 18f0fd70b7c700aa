/**
 * Reading the protobuf wire format over one buffer. Nothing is copied: messages and byte fields are views. A reader knows the absolute
 * position in the file, so that every error can name the byte.
 */
import { EdgewiseError } from '../../base/errors.ts';

export const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, START_GROUP: 3, END_GROUP: 4, FIXED32: 5 } as const;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenientUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** @throws MALFORMED always: typed `never` for use in expressions */
export function malformed(what: string, byte: number): never {
  throw new EdgewiseError('MALFORMED', `The file is damaged: ${what} at byte ${byte}.`, {
    hint: 'Copy or download the file again, or export the model again.',
    details: { byte },
  });
}

/** Reads the fields of one message in `bytes` from `start` to `end`. */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;
  /** Of the field that `next` found. */
  field = 0;
  wireType = 0;
  /** Where that field's tag starts. */
  fieldStart = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  /** Moves to the next field; false at the end of the message. @throws MALFORMED on field 0, groups and unknown wire types */
  next(): boolean {
    if (this.position >= this.end) return false;
    this.fieldStart = this.position;
    const tag = this.#varint32();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    if (this.field === 0) malformed('field number 0', this.fieldStart);
    if (this.wireType === WireType.START_GROUP || this.wireType === WireType.END_GROUP) malformed('a group, which ONNX does not use', this.fieldStart);
    if (this.wireType > WireType.FIXED32) malformed(`wire type ${this.wireType}, which does not exist`, this.fieldStart);
    return true;
  }

  /** Passes over the current field's value. */
  skip(): void {
    switch (this.wireType) {
      case WireType.VARINT:
        this.#skipVarint();
        return;
      case WireType.FIXED64:
        this.#advance(8);
        return;
      case WireType.FIXED32:
        this.#advance(4);
        return;
      default:
        this.#advance(this.#length());
    }
  }

  /** Passes over the value and returns the whole field, tag included. */
  skipped(): Uint8Array {
    this.skip();
    return this.bytes.subarray(this.fieldStart, this.position);
  }

  /** @throws MALFORMED when the field has another wire type */
  expect(wireType: number, what: string): void {
    if (this.wireType !== wireType) malformed(`${what} has wire type ${this.wireType} in place of ${wireType}`, this.fieldStart);
  }

  view(what: string): Uint8Array {
    this.expect(WireType.BYTES, what);
    const length = this.#length();
    const start = this.position;
    this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** A reader of the current field's message; this reader moves past it. */
  message(what: string): WireReader {
    this.expect(WireType.BYTES, what);
    const length = this.#length();
    const start = this.position;
    this.#advance(length);
    return new WireReader(this.bytes, start, start + length);
  }

  /** @param maxBytes of the encoded string. @throws TOO_LARGE beyond it, MALFORMED on bad UTF-8 */
  text(what: string, maxBytes: number): string {
    const start = this.position;
    this.expect(WireType.BYTES, what);
    const length = this.#length();
    const from = this.position;
    this.#advance(length);
    if (length > maxBytes) {
      throw new EdgewiseError('TOO_LARGE', `${what} is ${length.toLocaleString('en')} bytes long at byte ${start}; the limit is ${maxBytes.toLocaleString('en')}.`, {
        hint: 'Shorten it in the program that exports the model.',
        details: { byte: start, bytes: length, limit: maxBytes },
      });
    }
    return asciiText(this.bytes, from, length) ?? decodeUtf8(this.bytes.subarray(from, from + length)) ?? malformed(`${what} is not valid UTF-8`, start);
  }

  /** As `text`, for prose that nothing refers to: bad UTF-8 is replaced. */
  prose(what: string, maxBytes: number): string {
    const before = this.position;
    const view = this.view(what);
    if (view.length <= maxBytes) return decodeUtf8(view) ?? lenientUtf8.decode(view);
    this.position = before;
    return this.text(what, maxBytes);
  }

  /** A varint as a signed 64-bit integer. */
  int64(what: string): bigint {
    this.expect(WireType.VARINT, what);
    return this.rawInt64();
  }

  /** A varint as a signed number; beyond 2^53 it is only near. */
  integer(what: string): number {
    this.expect(WireType.VARINT, what);
    return this.rawInteger();
  }

  /** As `integer`, without looking at the wire type: for packed fields. */
  rawInteger(): number {
    const first = this.bytes[this.position] ?? 0;
    if (first < 0x80 && this.position < this.end) {
      this.position++;
      return first;
    }
    return Number(this.rawInt64());
  }

  /** As `int64`, without looking at the wire type: for packed fields. */
  rawInt64(): bigint {
    const start = this.position;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      const value = byte & 0x7f;
      if (i < 4) low |= value << (7 * i);
      else if (i === 4) {
        low |= value << 28;
        high = value >> 4;
      } else high |= value << (7 * i - 32);
      if (byte < 0x80) {
        if (high === 0) return BigInt(low >>> 0);
        return (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
      }
    }
    return malformed('an integer of more than 10 bytes', start);
  }

  float32(what: string): number {
    this.expect(WireType.FIXED32, what);
    const start = this.position;
    this.#advance(4);
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + start, 4).getFloat32(0, true);
  }

  #byte(): number {
    if (this.position >= this.end) this.#pastEnd(this.position, 1);
    return this.bytes[this.position++] as number;
  }

  #varint32(): number {
    const start = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#byte();
      if (shift === 28 && byte > 0x0f) malformed('a field tag beyond 32 bits', start);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    return malformed('a field tag beyond 32 bits', start);
  }

  #length(): number {
    const start = this.position;
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (value > 0x7fffffff) malformed('a length beyond 2 GiB', start);
        return value;
      }
    }
    return malformed('a length of more than 10 bytes', start);
  }

  #skipVarint(): void {
    const start = this.position;
    for (let i = 0; i < 10; i++) if (this.#byte() < 0x80) return;
    malformed('an integer of more than 10 bytes', start);
  }

  #advance(length: number): void {
    if (length > this.end - this.position) this.#pastEnd(this.position, length);
    this.position += length;
  }

  #pastEnd(at: number, wanted: number): never {
    if (at + wanted <= this.bytes.length) malformed(`a part runs past the end of the message that holds it`, this.fieldStart);
    throw new EdgewiseError(
      'TRUNCATED',
      `The file ends too early: it has ${this.bytes.length.toLocaleString('en')} bytes, and at least ${(at + wanted - this.bytes.length).toLocaleString('en')} more are missing at byte ${at}.`,
      { hint: 'Copy or download the file again; it was cut off.', details: { byte: at, bytes: this.bytes.length, missing: at + wanted - this.bytes.length } },
    );
  }
}

const NOTHING = new Uint8Array(0);
const PLAIN_LENGTH = 96;

/** Short plain names skip the decoder, and a view for it, which cost more than the rest of the reader together; undefined for other text. */
function asciiText(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length > PLAIN_LENGTH) return undefined;
  const codes: number[] = [];
  for (let i = 0; i < length; i++) {
    const code = bytes[from + i] as number;
    if (code >= 0x80) return undefined;
    codes.push(code);
  }
  return String.fromCharCode.apply(null, codes);
}

/** undefined on bad UTF-8. */
export function decodeUtf8(view: Uint8Array): string | undefined {
  const plain = asciiText(view, 0, view.length);
  if (plain !== undefined) return plain;
  try {
    return strictUtf8.decode(view);
  } catch {
    return undefined;
  }
}

/** Unknown fields in file order; neighbours are joined, so a flood of them costs one view. */
export function keepField(rest: Uint8Array[], field: Uint8Array): void {
  const last = rest.at(-1);
  if (last !== undefined && last.buffer === field.buffer && last.byteOffset + last.length === field.byteOffset) {
    rest[rest.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + field.length);
  } else rest.push(field);
}

/** Bytes of a repeated scalar field: a view where it is packed in one piece, else gathered. */
export class PackedBytes {
  #view: Uint8Array | null = null;
  #buffer: Uint8Array | null = null;
  #used = 0;

  get present(): boolean {
    return this.#view !== null || this.#buffer !== null;
  }

  get bytes(): Uint8Array {
    return this.#view ?? this.#buffer?.subarray(0, this.#used) ?? NOTHING;
  }

  /** Takes the reader's current field, packed or not. */
  add(reader: WireReader, elementWireType: number, what: string): void {
    if (reader.wireType === WireType.BYTES) {
      const view = reader.view(what);
      if (!this.present) this.#view = view;
      else this.#append(view);
      return;
    }
    reader.expect(elementWireType, what);
    const start = reader.position;
    reader.skip();
    this.#append(reader.bytes.subarray(start, reader.position));
  }

  #append(bytes: Uint8Array): void {
    if (this.#view !== null) {
      const view = this.#view;
      this.#view = null;
      this.#append(view);
    }
    this.#buffer ??= new Uint8Array(64);
    if (this.#used + bytes.length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + bytes.length));
      grown.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }
}
