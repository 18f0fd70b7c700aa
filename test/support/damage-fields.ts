/**
 * Seeded damage at the level of protobuf's fields, by somebody who knows the format: whole fields are left out, said twice, moved, exchanged,
 * renumbered, given another model's content or numbers at the edge, and every length around them is put right again. What comes out is
 * well-formed protobuf nearly always, so that it reaches what is behind the first reader.
 */

interface Field {
  readonly number: number;
  readonly wireType: number;
  /** The value's bytes, without tag and length. */
  readonly value: Uint8Array;
}

/** Integers that readers of other widths take differently. */
const EDGES: readonly bigint[] = [0n, 1n, 2n, 3n, 127n, 128n, 255n, 65_536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

/** One to four changes to fields at any depth. */
export function damagedFields(original: Uint8Array, other: Uint8Array, random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  let bytes = original;
  for (let change = 1 + below(4); change > 0; change--) bytes = edit(bytes, other, below, 0);
  return bytes;
}

function edit(message: Uint8Array, other: Uint8Array, below: (limit: number) => number, depth: number): Uint8Array {
  const fields = fieldsOf(message);
  if (fields === null || fields.length === 0) return message;
  const at = below(fields.length);
  const field = fields[at] as Field;
  // Into the message, two times of three.
  if (depth < 8 && field.wireType === 2 && field.value.length > 0 && below(3) > 0 && fieldsOf(field.value) !== null) {
    return encode(fields.with(at, { ...field, value: edit(field.value, other, below, depth + 1) }));
  }
  switch (below(9)) {
    case 0:
      return encode(fields.toSpliced(at, 1));
    case 1:
      return encode(fields.toSpliced(below(fields.length + 1), 0, field));
    case 2: {
      const second = below(fields.length);
      return encode(fields.with(at, fields[second] as Field).with(second, field));
    }
    case 3:
      return encode(fields.with(at, { ...field, number: 1 + below(below(2) === 0 ? 32 : 1000) }));
    case 4: {
      const second = fields[below(fields.length)] as Field;
      return encode(second.wireType === field.wireType ? fields.with(at, { ...field, value: second.value }) : fields.toSpliced(at, 1));
    }
    case 5: {
      const donor = descend(other, below);
      return donor === null ? message : encode(fields.toSpliced(below(fields.length + 1), 0, donor));
    }
    case 6: {
      const donor = descend(other, below);
      return donor === null || donor.wireType !== field.wireType ? message : encode(fields.with(at, { ...field, value: donor.value }));
    }
    case 7:
      return encode(fields.with(at, { number: field.number, wireType: 0, value: varint(EDGES[below(EDGES.length)] ?? 0n) }));
    default: {
      if (field.wireType === 0) return encode(fields.with(at, { ...field, value: varint(EDGES[below(EDGES.length)] ?? 0n) }));
      const value = new Uint8Array(field.value);
      if (value.length > 0) value[below(value.length)] = below(256);
      return encode(fields.with(at, { ...field, value: field.wireType === 2 && below(3) === 0 ? value.subarray(0, below(value.length + 1)) : value }));
    }
  }
}

/** Some field of a message, at any depth. */
function descend(message: Uint8Array, below: (limit: number) => number): Field | null {
  let fields = fieldsOf(message);
  let found: Field | null = null;
  for (let depth = 0; fields !== null && fields.length > 0; depth++) {
    found = fields[below(fields.length)] as Field;
    if (found.wireType !== 2 || depth > 6 || below(4) === 0) break;
    fields = fieldsOf(found.value);
  }
  return found;
}

/** null where the bytes are no sequence of fields. */
function fieldsOf(bytes: Uint8Array): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 63) return Number.NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = read();
    const [number, wireType] = [Math.floor(tag / 8), tag % 8];
    if (!(number > 0 && number < 2 ** 29)) return null;
    let start = at;
    if (wireType === 0) {
      if (Number.isNaN(read())) return null;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = read();
      if (!(length <= bytes.length - at)) return null;
      start = at;
      at += length;
    } else return null;
    if (at > bytes.length) return null;
    fields.push({ number, wireType, value: bytes.subarray(start, at) });
  }
  return fields;
}

function encode(fields: readonly Field[]): Uint8Array {
  return new Uint8Array(Buffer.concat(fields.flatMap(({ number, wireType, value }) => {
    const tag = varint(BigInt(number * 8 + wireType));
    return wireType === 2 ? [tag, varint(BigInt(value.length)), value] : [tag, value];
  })));
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
