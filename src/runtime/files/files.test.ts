/** Reading, writing and addressing files on a real disk. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePipe } from '../../../test/support/make-pipe.ts';
import { writingFailed } from './file-errors.ts';
import { openFileSource } from './file-source.ts';
import { hashFile } from './hash-file.ts';
import { writeFileAtomically } from './write-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-files-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const code = (expected: string): unknown => expect.objectContaining({ code: expected, hint: expect.stringMatching(/\w/) });
/** A fresh folder, so that what is left behind is seen. */
function place(name: string): string {
  mkdirSync(join(folder, name));
  return join(folder, name);
}

describe('writeFileAtomically', () => {
  it('writes chunks in order, many small and some large, and leaves only the file', async () => {
    const at = place('order');
    const chunks = Array.from({ length: 1500 }, (_, index) => new Uint8Array(index % 500 === 7 ? 3_000_000 : index % 5).fill(index % 251));
    await writeFileAtomically(join(at, 'model.onnx'), chunks);
    expect(Buffer.compare(readFileSync(join(at, 'model.onnx')), Buffer.concat(chunks))).toBe(0);
    expect(readdirSync(at)).toEqual(['model.onnx']);
  });

  it('replaces what was there', async () => {
    const at = place('replace');
    writeFileSync(join(at, 'f'), 'a long old text');
    await writeFileAtomically(join(at, 'f'), [Buffer.from('new')]);
    expect(readFileSync(join(at, 'f'), 'utf8')).toBe('new');
  });

  it('a failure while the chunks are made leaves the old file and nothing else, and comes through as it is', async () => {
    const at = place('failing');
    writeFileSync(join(at, 'f'), 'old');
    const broken = function* (): Generator<Uint8Array> {
      for (let index = 0; index < 1000; index++) yield new Uint8Array(1000);
      throw new RangeError('the weights are gone');
    };
    await expect(writeFileAtomically(join(at, 'f'), broken())).rejects.toThrow('the weights are gone');
    expect([readdirSync(at), readFileSync(join(at, 'f'), 'utf8')]).toEqual([['f'], 'old']);
  });

  it('cancelling in the middle leaves the old file and nothing else', async () => {
    const at = place('cancelled');
    writeFileSync(join(at, 'f'), 'old');
    const controller = new AbortController();
    const chunks = function* (): Generator<Uint8Array> {
      for (let index = 0; index < 3000; index++) {
        if (index === 1000) controller.abort();
        yield new Uint8Array(100);
      }
    };
    await expect(writeFileAtomically(join(at, 'f'), chunks(), { signal: controller.signal })).rejects.toThrowError(expect.objectContaining({ code: 'CANCELLED' }));
    expect([readdirSync(at), readFileSync(join(at, 'f'), 'utf8')]).toEqual([['f'], 'old']);
  });

  it('a folder that is not there, a folder of that name, a name that is too long: WRITE_FAILED', async () => {
    const at = place('refused');
    mkdirSync(join(at, 'taken'));
    await expect(writeFileAtomically(join(at, 'no', 'f'), [])).rejects.toThrowError(code('WRITE_FAILED'));
    await expect(writeFileAtomically(join(at, 'taken'), [new Uint8Array(1)])).rejects.toThrowError(code('WRITE_FAILED'));
    await expect(writeFileAtomically(join(at, 'n'.repeat(300)), [new Uint8Array(1)])).rejects.toThrowError(code('WRITE_FAILED'));
    expect(readdirSync(at)).toEqual(['taken']);
  });

  it.skipIf(!existsSync('/dev/full'))('what the system says of a full disk becomes DISK_FULL', () => {
    let thrown: unknown;
    try {
      writeFileSync('/dev/full', 'x');
    } catch (error) {
      thrown = error;
    }
    expect(writingFailed('model.onnx', thrown)).toMatchObject({ code: 'DISK_FULL', hint: expect.stringMatching(/space/) });
  });

  it.skipIf(process.platform === 'win32')('gives the permissions asked for', async () => {
    const path = join(place('mode'), 'key');
    await writeFileAtomically(path, [new Uint8Array(1)], { mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('openFileSource', () => {
  it('reads ranges, and the whole', () => {
    const path = join(place('source'), 'f');
    writeFileSync(path, 'abcdefgh');
    const source = openFileSource(path);
    expect(source.size).toBe(8);
    expect(Buffer.from(source.read(2, 3)).toString()).toBe('cde');
    expect(Buffer.from(source.read(0, 8)).toString()).toBe('abcdefgh');
    expect(() => source.read(6, 3)).toThrowError(code('TRUNCATED'));
    expect(() => source.read(-1, 3)).toThrowError(code('TRUNCATED'));
    source.close();
    source.close();
    expect(() => source.read(0, 1)).toThrow(/closed/);
  });

  it('a file that is not there, a folder, a device', () => {
    expect(() => openFileSource(join(folder, 'nowhere'))).toThrowError(code('FILE_NOT_FOUND'));
    expect(() => openFileSource(folder)).toThrowError(code('FILE_UNREADABLE'));
    if (process.platform === 'win32') return;
    expect(() => openFileSource('/dev/null')).toThrowError(code('FILE_UNREADABLE'));
    makePipe(join(folder, 'pipe'));
    expect(() => openFileSource(join(folder, 'pipe'))).toThrowError(code('FILE_UNREADABLE'));
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('a file without permission (skipped for root, who has every permission)', () => {
    const path = join(place('locked'), 'f');
    writeFileSync(path, 'x');
    chmodSync(path, 0);
    expect(() => openFileSource(path)).toThrowError(code('FILE_UNREADABLE'));
  });
});

describe('hashFile', () => {
  it('is SHA-256 in hex', async () => {
    const path = join(place('hash'), 'f');
    const bytes = Buffer.alloc(3_000_001, 'edge');
    writeFileSync(path, bytes);
    expect(await hashFile(path)).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('a file that is not there is FILE_NOT_FOUND, an aborted signal CANCELLED', async () => {
    await expect(hashFile(join(folder, 'nowhere'))).rejects.toThrowError(code('FILE_NOT_FOUND'));
    await expect(hashFile(folder)).rejects.toThrowError(code('FILE_UNREADABLE'));
    const path = join(place('abort'), 'f');
    writeFileSync(path, 'x');
    await expect(hashFile(path, { signal: AbortSignal.abort() })).rejects.toThrowError(expect.objectContaining({ code: 'CANCELLED' }));
  });
});
