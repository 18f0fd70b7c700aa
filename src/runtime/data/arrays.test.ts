/** IDX, NPY, NPZ: what is read of them, and files that are cut, lie, or blow up. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from './dataset.ts';
import type { Dataset } from './types.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-arrays-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, bytes: Uint8Array | string): string {
  const path = join(root, name);
  writeFileSync(path, bytes);
  return path;
}

function idx(dims: readonly number[], data: readonly number[], type = 8): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header[2] = type;
  header[3] = dims.length;
  dims.forEach((dim, i) => header.writeUInt32BE(dim, 4 + 4 * i));
  return Buffer.concat([header, Buffer.from(data)]);
}

function npy(descr: string, shape: readonly number[], data: ArrayBufferView, extra: { version?: number; fortran?: boolean } = {}): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${extra.fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }\n`;
  const long = (extra.version ?? 1) >= 2;
  const start = Buffer.alloc(long ? 12 : 10);
  start.write('\x93NUMPY', 'latin1');
  start[6] = extra.version ?? 1;
  if (long) start.writeUInt32LE(text.length, 8);
  else start.writeUInt16LE(text.length, 8);
  return Buffer.concat([start, Buffer.from(text, 'latin1'), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}

interface Member {
  readonly name: string;
  readonly bytes: Buffer;
  readonly deflated?: boolean;
  /** Size that the list of members claims. */
  readonly claims?: number;
}

function zip(...members: readonly Member[]): Buffer {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const { name, bytes, deflated, claims } of members) {
    const packed = deflated ? deflateRawSync(bytes) : bytes;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(deflated ? 8 : 0, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(claims ?? bytes.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), packed);
    entries.push(entry, Buffer.from(name));
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...entries, end]);
}

async function using<T>(path: string, use: (dataset: Dataset) => T | Promise<T>, labelsPath?: string): Promise<T> {
  const dataset = await openDataset(path, { labelsPath });
  try {
    return await use(dataset);
  } finally {
    await dataset.close();
  }
}

const labelsOf = (dataset: Dataset): (number | undefined)[] => Array.from({ length: dataset.facts.samples }, (_, i) => dataset.label(i));
const sample = async (dataset: Dataset, index: number): Promise<{ values: number[]; dims: readonly number[] }> => {
  const { values, dims } = await dataset.load(index, undefined);
  return { values: [...values], dims };
};

async function refused(name: string, bytes: Uint8Array | string, message: string | RegExp, code = 'BAD_DATASET'): Promise<void> {
  const path = write(name, bytes);
  await expect(openDataset(path)).rejects.toMatchObject({ code, message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message), hint: expect.any(String) });
}

describe('IDX', () => {
  const pictures = idx([3, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7, 252, 253, 254, 255]);

  it.each(['', '.gz'])('pictures with the labels beside them%s', async (ending) => {
    const pack = (bytes: Buffer): Buffer => (ending === '' ? bytes : gzipSync(bytes));
    const path = write(`a-images-idx3-ubyte${ending}`, pack(pictures));
    await using(path, (dataset) => expect(dataset.facts).toMatchObject({ kind: 'idx', samples: 3, labelled: false, classes: [] }));
    write(`a-labels-idx1-ubyte${ending}`, pack(idx([3], [2, 0, 2])));
    await using(path, async (dataset) => {
      expect(dataset.facts).toMatchObject({ samples: 3, labelled: true, classes: ['0', '1', '2'], sampleShape: [2, 2, 1] });
      expect(labelsOf(dataset)).toEqual([2, 0, 2]);
      expect(await sample(dataset, 2)).toEqual({ values: [252, 253, 254, 255], dims: [1, 2, 2] });
    });
    rmSync(join(root, `a-labels-idx1-ubyte${ending}`));
  });

  it('labels given as text or as IDX', async () => {
    const path = write('b-images-idx3-ubyte', pictures);
    await using(path, (dataset) => expect(labelsOf(dataset)).toEqual([1, 1, 0]), write('b.txt', '1\n1\n0\n'));
    await using(path, (dataset) => expect(labelsOf(dataset)).toEqual([4, 5, 6]), write('other-labels-idx1-ubyte', idx([3], [4, 5, 6])));
    await expect(openDataset(path, { labelsPath: write('few-labels-idx1-ubyte', idx([2], [4, 5])) })).rejects.toMatchObject({ code: 'BAD_LABELS' });
    await expect(openDataset(path, { labelsPath: write('few.txt', '1\n') })).rejects.toMatchObject({ code: 'BAD_LABELS' });
  });

  it('refuses what is cut, lies or is something else', async () => {
    await refused('cut-images-idx3-ubyte', pictures.subarray(0, -1), 'ends after 27 bytes of 28');
    await refused('header-images-idx3-ubyte', pictures.subarray(0, 9), 'within its header');
    await refused('empty-images-idx3-ubyte', '', 'no IDX file');
    await refused('magic-images-idx3-ubyte', Buffer.from('\x89PNG....'), 'no IDX file');
    await refused('floats-images-idx3-ubyte', idx([1, 1, 1], [0, 0, 0, 0], 13), 'type 13');
    await refused('none-images-idx3-ubyte', idx([0, 28, 28], []), 'holds nothing');
    await refused('labels-idx1-ubyte', idx([3], [1, 2, 3]), '1 dimension;');
    await refused('huge-images-idx3-ubyte', idx([0xffffffff, 0xffffffff, 0xffffffff], [1]), 'ends after');
    await refused('cut-images-idx3-ubyte.gz', gzipSync(pictures).subarray(0, 20), 'cannot be unpacked');
    await refused('plain-images-idx3-ubyte.gz', pictures, 'cannot be unpacked');
  });

  it('unpacks no more than the header says, however much there is', async () => {
    const bomb = gzipSync(Buffer.concat([pictures, Buffer.alloc(100e6)]));
    const before = process.memoryUsage.rss();
    await using(write('bomb-images-idx3-ubyte.gz', bomb), async (dataset) => expect(await sample(dataset, 1)).toEqual({ values: [4, 5, 6, 7], dims: [1, 2, 2] }));
    expect(process.memoryUsage.rss() - before).toBeLessThan(50e6);
  });
});

describe('NPY', () => {
  it.each([
    ['<f4', Float32Array.of(0.5, -1, 2, 3)],
    ['<f8', Float64Array.of(0.5, -1, 2, 3)],
    ['|u1', Uint8Array.of(0, 255, 2, 3)],
    ['|i1', Int8Array.of(-128, 127, 2, 3)],
    ['<u2', Uint16Array.of(0, 65_535, 2, 3)],
    ['<i4', Int32Array.of(-70_000, 1, 2, 3)],
    ['<i8', BigInt64Array.of(-5n, 1n, 2n, 3n)],
    ['|b1', Uint8Array.of(0, 1, 1, 0)],
  ])('elements of type %s', async (descr, data) => {
    await using(write(`type-${descr.slice(1)}.npy`, npy(descr, [2, 2], data)), async (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'npy', samples: 2, labelled: false, sampleShape: [2] });
      expect(await sample(dataset, 1)).toEqual({ values: [...data].slice(2).map(Number), dims: [2] });
    });
  });

  it('a long header, and labels from a file', async () => {
    const path = write('v2.npy', npy('<f4', [2, 1, 2], Float32Array.of(1, 2, 3, 4), { version: 2 }));
    await using(path, async (dataset) => {
      expect(labelsOf(dataset)).toEqual([1, 0]);
      expect(await sample(dataset, 0)).toEqual({ values: [1, 2], dims: [1, 2] });
    }, write('v2.txt', '1\n0\n'));
  });

  it('bytes of height x width x channels are a picture', async () => {
    await using(write('pictures.npy', npy('|u1', [1, 1, 2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6))), async (dataset) => {
      expect(await dataset.load(0, { channels: 'BGR', scale: 2 })).toEqual({ values: Float32Array.of(6, 12, 4, 10, 2, 8), dims: [3, 1, 2] });
      expect((await dataset.load(0, { scale: 2 })).dims).toEqual([3, 1, 2]);
    });
  });

  it('refuses what is cut, lies or is something else', async () => {
    const good = npy('<f4', [2, 2], Float32Array.of(1, 2, 3, 4));
    await refused('cut.npy', good.subarray(0, -1), 'ends too early');
    await refused('short.npy', good.subarray(0, 8), 'first bytes');
    await refused('header.npy', good.subarray(0, 40), 'not understood');
    await refused('empty.npy', '', 'first bytes');
    await refused('lies.npy', npy('<f4', [1e9, 1e6], Float32Array.of(1)), /ends too early|cannot be/u);
    await refused('overflow.npy', npy('<f8', [1e15, 1e15, 1e15], Float32Array.of(1)), 'cannot be');
    await refused('rank.npy', npy('|u1', Array.from({ length: 9 }, () => 1), Uint8Array.of(1)), 'cannot be');
    await refused('flat.npy', npy('<f4', [4], Float32Array.of(1, 2, 3, 4)), 'count samples');
    await refused('none.npy', npy('<f4', [0, 4], new Float32Array()), 'count samples');
    await refused('big.npy', npy('>f4', [2, 2], new Float32Array(4)), 'form that is not read');
    await refused('fortran.npy', npy('<f4', [2, 2], new Float32Array(4), { fortran: true }), 'Fortran');
    await refused('half.npy', npy('<f2', [2, 2], new Uint16Array(4)), 'form that is not read');
    await refused('odd.npy', npy('<i3', [2, 2], new Uint8Array(12)), 'form that is not read');
    await refused('objects.npy', npy('|O', [2, 2], new Uint8Array(32)), 'not understood');
  });
});

describe('NPZ', () => {
  const x = npy('<f4', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const y = npy('<i8', [3], BigInt64Array.of(2n, 0n, 1n));

  it.each([false, true])('samples and labels, deflated: %s', async (deflated) => {
    await using(write(`data-${deflated}.npz`, zip({ name: 'y.npy', bytes: y, deflated }, { name: 'x.npy', bytes: x, deflated }, { name: 'readme.txt', bytes: Buffer.from('hello') })), async (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'npz', samples: 3, labelled: true, classes: ['0', '1', '2'], sampleShape: [2] });
      expect(labelsOf(dataset)).toEqual([2, 0, 1]);
      expect(await sample(dataset, 2)).toEqual({ values: [5, 6], dims: [2] });
    });
  });

  it('one array without labels, under any name', async () => {
    await using(write('any.npz', zip({ name: 'arr_0.npy', bytes: x })), (dataset) => expect(dataset.facts).toMatchObject({ samples: 3, labelled: false }));
  });

  it('refuses what is cut, lies or is something else', async () => {
    const good = zip({ name: 'x.npy', bytes: x, deflated: true }, { name: 'y.npy', bytes: y });
    await refused('cut.npz', good.subarray(0, -30), 'no complete zip');
    await refused('empty.npz', '', 'no complete zip');
    await refused('text.npz', 'this is no zip file at all, only text', 'no complete zip');
    await refused('members.npz', zip({ name: 'a.txt', bytes: x }), 'no array of samples');
    await refused('bomb.npz', zip({ name: 'x.npy', bytes: Buffer.concat([x, Buffer.alloc(50e6)]), deflated: true, claims: x.length }), 'damaged member');
    await refused('large.npz', zip({ name: 'x.npy', bytes: x, deflated: true, claims: 2 ** 31 }), 'larger than 1 GB');
    await refused('few.npz', zip({ name: 'x.npy', bytes: x }, { name: 'y.npy', bytes: npy('<i8', [2], BigInt64Array.of(0n, 1n)) }), '3 samples and 2 labels', 'BAD_LABELS');
    await refused('shares.npz', zip({ name: 'x.npy', bytes: x }, { name: 'y.npy', bytes: npy('<f4', [3], Float32Array.of(0, 1, 0.5)) }), 'label 0.5', 'BAD_LABELS');
    const moved = Buffer.from(good);
    moved.writeUInt32LE(5, moved.length - 6);
    await refused('moved.npz', moved, 'damaged list');
  });
});

it('a file of another kind, or none at all, is told what is read', async () => {
  await expect(openDataset(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await refused('film.mp4', 'x', '.mp4');
  const path = write('c.npy', npy('<f4', [1, 1], Float32Array.of(1)));
  await expect(openDataset(path, { labelsPath: join(root, 'nowhere.txt') })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: expect.stringContaining('label file') });
});
