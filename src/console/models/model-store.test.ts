import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyOut } from './copy-out.ts';
import { createModelStore, type ModelStore } from './model-store.ts';

let root: string;
let files: ModelStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-models-'));
  let ids = 0;
  files = createModelStore(join(root, 'models'), () => `${++ids}`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const listed = (folder: string): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

describe('model files by content', () => {
  test('a file lands under its digest, the same bytes land in the same place', async () => {
    writeFileSync(join(root, 'a.onnx'), 'same');
    const first = await files.addFile(join(root, 'a.onnx'));
    const second = await files.addChunks([Buffer.from('sa'), Buffer.from('me')]);
    expect(first).toEqual({ sha256: sha256('same'), bytes: 4 });
    expect(second).toEqual(first);
    expect(readFileSync(files.pathOf(first.sha256), 'utf8')).toBe('same');
    expect(listed(join(root, 'models'))).toEqual([first.sha256.slice(0, 2), `${first.sha256.slice(0, 2)}/${first.sha256}.onnx`]);
  });

  test('a write that fails half way leaves nothing', async () => {
    const failing = function* (): Generator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('cut');
    };
    await expect(files.addChunks(failing())).rejects.toThrowError('cut');
    expect(listed(join(root, 'models'))).toEqual([]);
  });

  test('the sweep keeps what is needed, removes the rest, and names what is missing', async () => {
    const [needed, orphan] = [await files.addChunks([Buffer.from('needed')]), await files.addChunks([Buffer.from('orphan')])];
    writeFileSync(join(root, 'models', 'incoming-9.tmp'), 'half');
    const missing = sha256('missing');
    expect(await files.sweep(new Set([needed.sha256, missing]))).toEqual({ removed: 2, missing: [missing] });
    expect(await files.has(needed.sha256)).toBe(true);
    expect(await files.has(orphan.sha256)).toBe(false);
    expect(listed(join(root, 'models')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('writing a result where a person wants it', () => {
  test('replaces only when allowed, and whole', async () => {
    const [from, to] = [join(root, 'from'), join(root, 'to')];
    writeFileSync(from, 'new');
    writeFileSync(to, 'old');
    await expect(copyOut(from, to, false)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(readFileSync(to, 'utf8')).toBe('old');
    expect(await copyOut(from, to, true)).toEqual({ path: to, bytes: 3 });
    expect(readFileSync(to, 'utf8')).toBe('new');
    expect(listed(root)).toEqual(['from', 'to']);
  });

  const refusals = [
    { to: 'no/such/folder.onnx', code: 'FILE_NOT_FOUND' },
    { to: '.', code: 'CONFLICT' },
  ];
  for (const { to, code } of refusals) {
    test(`${to}: ${code}`, async () => {
      writeFileSync(join(root, 'from'), 'new');
      await expect(copyOut(join(root, 'from'), join(root, to), true)).rejects.toMatchObject({ code });
      expect(listed(root)).toEqual(['from']);
    });
  }
});
