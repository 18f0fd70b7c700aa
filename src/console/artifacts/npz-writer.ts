/** A NumPy archive with plain members (NEP 1 in a zip, APPNOTE 6.3.10), the same bytes for the same arrays. */
import { crc32 } from 'node:zlib';

export interface NpzArray {
  readonly name: string;
  /** `|u1` bytes, `<f4` float32, `<i4` int32. */
  readonly type: '|u1' | '<f4' | '<i4';
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** Where the elements begin must be a multiple of this. */
const ALIGNMENT = 64;

function npy({ type, dims, bytes }: NpzArray): Buffer {
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const start = Buffer.alloc(10);
  start.write('\x93NUMPY\x01\x00', 'latin1');
  start.writeUInt16LE(padded, 8);
  return Buffer.concat([start, Buffer.from(`${text.padEnd(padded - 1)}\n`, 'latin1'), bytes]);
}

export function writeNpz(arrays: readonly NpzArray[]): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const array of arrays) {
    const name = Buffer.from(`${array.name}.npy`, 'latin1');
    const content = npy(array);
    // Version 2.0, no flags, stored, 1 January 1980.
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(0x21, 8);
    shared.writeUInt32LE(crc32(content), 10);
    shared.writeUInt32LE(content.length, 14);
    shared.writeUInt32LE(content.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(20, 4);
    shared.copy(entry, 6);
    entry.writeUInt32LE(at, 42);
    const local = [Buffer.from([0x50, 0x4b, 3, 4]), shared, name, content];
    locals.push(...local);
    entries.push(entry, name);
    at += local.reduce((sum, piece) => sum + piece.length, 0);
  }
  const list = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(arrays.length, 8);
  end.writeUInt16LE(arrays.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, list, end]);
}
