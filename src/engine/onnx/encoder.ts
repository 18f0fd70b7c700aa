/** Writing the protobuf wire format into parts: small things are gathered in buffers, large ones stay where they are. */
import { WireType } from './wire.ts';

/** Bytes of the output, or bytes that are fetched piece by piece when it is written. */
export type Part = Uint8Array | { readonly length: number; readonly pieces: () => Iterable<Uint8Array> };

/** From here on a view is handed on instead of copied: below, one more write costs more than the copy. */
const VIEW_BYTES = 16 * 1024;
const utf8 = new TextEncoder();

/** Buffers of messages that are written into another: a model has tens of thousands, and making a buffer costs more than filling it. */
const spare: Uint8Array<ArrayBuffer>[] = [];
const MOST_SPARE = 64;
const NONE = new Uint8Array(0);

/** The fields of one message. */
export class Encoder {
  #done: Part[] | null = null;
  #buffer = spare.pop() ?? new Uint8Array(128);
  #used = 0;
  #length = 0;

  get byteLength(): number {
    return this.#length;
  }

  parts(): Part[] {
    this.#flush();
    return this.#done ?? [];
  }

  string(field: number, value: string): void {
    if (!this.#ascii(field, value)) this.bytes(field, utf8.encode(value));
  }

  /** Names are short and plain nearly always; the text encoder's call costs more than the bytes. */
  #ascii(field: number, value: string): boolean {
    const { length } = value;
    if (length >= 128) return false;
    for (let i = 0; i < length; i++) if (value.charCodeAt(i) >= 0x80) return false;
    this.#tag(field, WireType.BYTES);
    this.#varint(length);
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#used + i] = value.charCodeAt(i);
    this.#advance(length);
    return true;
  }

  bytes(field: number, value: Uint8Array): void {
    this.part(field, value);
  }

  part(field: number, value: Part): void {
    this.#tag(field, WireType.BYTES);
    this.#varint(value.length);
    this.#append(value);
  }

  /** Takes the message in, which ends with it. */
  message(field: number, message: Encoder): void {
    this.#tag(field, WireType.BYTES);
    this.#varint(message.#length);
    for (const part of message.#done ?? []) this.#append(part);
    this.#copy(message.#buffer, message.#used);
    // Parts are views on it.
    if (message.#done === null && spare.length < MOST_SPARE && message.#buffer.length <= VIEW_BYTES) spare.push(message.#buffer);
    message.#buffer = NONE;
  }

  /** A safe integer as a varint; negative ones take ten bytes. */
  integer(field: number, value: number): void {
    this.#tag(field, WireType.VARINT);
    if (value >= 0) this.#varint(value);
    else this.#bigVarint(BigInt(value));
  }

  bigInteger(field: number, value: bigint): void {
    this.#tag(field, WireType.VARINT);
    if (value >= 0n && value <= 0x1fffffffffffffn) this.#varint(Number(value));
    else this.#bigVarint(value);
  }

  float32(field: number, value: number): void {
    this.#tag(field, WireType.FIXED32);
    this.#reserve(4);
    new DataView(this.#buffer.buffer, this.#buffer.byteOffset + this.#used, 4).setFloat32(0, value, true);
    this.#advance(4);
  }

  /** Whole fields, tags included. */
  raw(fields: Uint8Array): void {
    this.#append(fields);
  }

  #append(part: Part): void {
    if (!(part instanceof Uint8Array) || part.length >= VIEW_BYTES) {
      if (part.length === 0) return;
      this.#flush();
      (this.#done ??= []).push(part);
      this.#length += part.length;
      return;
    }
    this.#reserve(part.length);
    this.#buffer.set(part, this.#used);
    this.#advance(part.length);
  }

  /** Small ones byte by byte: a view of them costs more. */
  #copy(from: Uint8Array, length: number): void {
    if (length > 256) {
      this.#append(from.subarray(0, length));
      return;
    }
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#used + i] = from[i] as number;
    this.#advance(length);
  }

  #flush(): void {
    if (this.#used === 0) return;
    (this.#done ??= []).push(this.#buffer.subarray(0, this.#used));
    this.#buffer = this.#buffer.subarray(this.#used);
    this.#used = 0;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#used + bytes, 128));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }

  #advance(bytes: number): void {
    this.#used += bytes;
    this.#length += bytes;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#used] = (rest % 128) | 0x80;
      this.#advance(1);
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#used] = rest;
    this.#advance(1);
  }

  #bigVarint(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#used] = Number(rest & 0x7fn) | 0x80;
      this.#advance(1);
      rest >>= 7n;
    }
    this.#buffer[this.#used] = Number(rest);
    this.#advance(1);
  }
}
