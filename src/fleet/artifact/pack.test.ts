/** Packing and differences give the file back bit for bit, or a named refusal; never something else. */
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { CHUNK_BYTES, artifactFile, type ArtifactFile, type FileSourceRecord } from '../../contract/records/artifact.ts';
import { sha256 } from './keys.ts';
import { describeBlob, packFile, unpackFile, usable, type PackedFile } from './pack.ts';

function noise(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

function sourceOf(packed: PackedFile, form: FileSourceRecord['form']): { readonly source: FileSourceRecord; readonly blob: Uint8Array } {
  const source = packed.file.sources.find((candidate) => candidate.form === form);
  const blob = source && packed.blobs.get(source.blob.sha256);
  if (source === undefined || blob === undefined) throw new Error(`no ${form}`);
  return { source, blob };
}

const base = noise(2_500_000, 1);
/** A stretch changed, one moved in, one taken out: what a few retrained layers and a new label do. */
const next = Buffer.concat([base.subarray(0, 300_000), noise(40_000, 2), base.subarray(340_000, 900_000), noise(10, 3), base.subarray(901_000)]);

describe('packFile', () => {
  it('each form gives the file back, the smallest is first, and the record is one that a manifest takes', async () => {
    const text = Buffer.from('the same words again and again. '.repeat(100_000));
    const packed = await packFile('notes.txt', text);
    expect(artifactFile.parse(packed.file)).toEqual(packed.file);
    expect(packed.file.sources.map((source) => source.form).sort()).toEqual(['plain', 'zstd']);
    for (const form of ['plain', 'zstd'] as const) {
      const { source, blob } = sourceOf(packed, form);
      expect(describeBlob(blob)).toEqual(source.blob);
      expect(Buffer.compare(await unpackFile(packed.file, source, blob), text)).toBe(0);
    }
  });

  it('a difference is about as large as what changed, wherever that is', async () => {
    const packed = await packFile('model.onnx', next, [base]);
    const { source, blob } = sourceOf(packed, 'zstd-delta');
    expect(packed.file.sources[0]).toBe(source);
    expect(blob.length).toBeLessThan(42_000);
    expect(Buffer.compare(await unpackFile(packed.file, source, blob, base), next)).toBe(0);
  });

  it('no packed form of noise, no difference to noise or to itself', async () => {
    const packed = await packFile('model.onnx', next, [noise(100_000, 9), next, new Uint8Array(0)]);
    expect(packed.file.sources.map((source) => source.form)).toEqual(['plain']);
  });

  it('an empty file, and one of exactly two chunks', async () => {
    const empty = await packFile('empty', new Uint8Array(0), [base]);
    expect(artifactFile.parse(empty.file)).toEqual(empty.file);
    expect((await unpackFile(empty.file, sourceOf(empty, 'plain').source, new Uint8Array(0))).length).toBe(0);
    expect(describeBlob(new Uint8Array(2 * CHUNK_BYTES)).chunks).toHaveLength(2);
    expect(describeBlob(new Uint8Array(2 * CHUNK_BYTES + 1)).chunks).toHaveLength(3);
  });
});

describe('unpackFile', () => {
  const code = (expected: string): unknown => expect.objectContaining({ code: expected });
  it('a difference with another base, with none, with changed bytes', async () => {
    const packed = await packFile('model.onnx', next, [base]);
    const { source, blob } = sourceOf(packed, 'zstd-delta');
    expect(usable(source, packed.file, (digest) => digest === sha256(base))).toBe(true);
    expect(usable(source, packed.file, () => false)).toBe(false);
    await expect(unpackFile(packed.file, source, blob)).rejects.toThrowError(code('WRONG_CONTENT'));
    await expect(unpackFile(packed.file, source, blob, next)).rejects.toThrowError(code('WRONG_CONTENT'));
    for (let index = 3; index < blob.length; index += 1999) {
      const changed = Buffer.from(blob);
      changed[index] = (changed[index] ?? 0) ^ 0x10;
      await expect(unpackFile(packed.file, source, changed, base)).rejects.toThrowError(expect.objectContaining({ code: expect.stringMatching(/^(WRONG_CONTENT|ENDLESS_DATA)$/) }));
    }
  });

  it('a packed form that grows beyond the file stops there (endless data)', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(300 * 2 ** 20));
    expect(bomb.length).toBeLessThan(40_000);
    const file: ArtifactFile = { name: 'model.onnx', length: 1000, sha256: sha256(new Uint8Array(1000)), sources: [{ form: 'zstd', blob: describeBlob(bomb) }] };
    const before = process.memoryUsage().rss;
    await expect(unpackFile(file, { form: 'zstd', blob: describeBlob(bomb) }, bomb)).rejects.toThrowError(code('ENDLESS_DATA'));
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });

  it('a packed form of too little, and no packed form at all', async () => {
    const file: ArtifactFile = { name: 'model.onnx', length: 1000, sha256: sha256(new Uint8Array(1000)), sources: [] };
    for (const blob of [zstdCompressSync(new Uint8Array(999)), Buffer.from('nothing of the kind'), new Uint8Array(0)]) {
      await expect(unpackFile(file, { form: 'zstd', blob: describeBlob(blob) }, blob)).rejects.toThrowError(code('WRONG_CONTENT'));
    }
  });
});
