/** A model's data files: what may be reached by a name in a model, on a real file system. */
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgewiseError, type ErrorCode } from '../../base/errors.ts';
import { makePipe } from '../../../test/support/make-pipe.ts';
import { externalFilesIn, type ModelFolder } from './external-files.ts';

let root: string;
let folder: string;
let files: ModelFolder;

beforeAll(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'edgewise-external-'));
  folder = join(root, 'model');
  mkdirSync(join(folder, 'weights'), { recursive: true });
  mkdirSync(join(root, 'private'));
  writeFileSync(join(root, 'private', 'secret.bin'), 'secret');
  writeFileSync(join(folder, 'model.onnx'), 'model');
  writeFileSync(join(folder, 'data.bin'), Uint8Array.from({ length: 100 }, (_, index) => index));
  writeFileSync(join(folder, 'weights', 'inner.bin'), 'inner');
  writeFileSync(join(folder, 'empty.bin'), '');
  symlinkSync(join(root, 'private', 'secret.bin'), join(folder, 'link.bin'));
  symlinkSync('data.bin', join(folder, 'inside-link.bin'));
  symlinkSync(join(root, 'private'), join(folder, 'linked'));
  symlinkSync('nowhere', join(folder, 'dangling.bin'));
  linkSync(join(root, 'private', 'secret.bin'), join(folder, 'hard.bin'));
  if (process.platform !== 'win32') makePipe(join(folder, 'pipe'));
  files = externalFilesIn(join(folder, 'model.onnx'));
});
afterAll(() => {
  files.close();
  rmSync(root, { recursive: true, force: true });
});

function refusal(action: () => unknown): EdgewiseError {
  try {
    action();
  } catch (error) {
    if (error instanceof EdgewiseError) return error;
    throw error;
  }
  throw new Error('it was allowed');
}

function expectRefusal(code: ErrorCode, action: () => unknown): void {
  const error = refusal(action);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(/data file/)]);
  expect(error.hint ?? '').toMatch(/\w{3}/);
  expect(JSON.stringify(error.toRecord())).not.toContain('secret');
}

describe('EXTERNAL_FORBIDDEN', () => {
  const cases: [string, () => string][] = [
    ['..', () => '../private/other.bin'],
    ['nested ..', () => 'weights/../../private/other.bin'],
    ['.. that stays inside', () => 'weights/../data.bin'],
    ['.. alone', () => '..'],
    ['an absolute path', () => '/etc/passwd'],
    ['an absolute path into the folder', () => join(folder, 'data.bin')],
    ['a backslash', () => '..\\private\\other.bin'],
    ['a drive', () => 'C:/Windows/win.ini'],
    ['a drive without a slash', () => 'C:data.bin'],
    ['a network share', () => '//server/share/data.bin'],
    ['a URL', () => 'file:///etc/passwd'],
    ['NUL in the name', () => 'data.bin\u0000.txt'],
    ['a line end in the name', () => 'data\n.bin'],
    ["the runtime's memory tag", () => '*/_ORT_MEM_ADDR_/*'],
    ['a symbolic link', () => 'link.bin'],
    ['a symbolic link to a file inside', () => 'inside-link.bin'],
    ['a dangling link', () => 'dangling.bin'],
    ['a file in a linked folder', () => 'linked/other.bin'],
    ['a hard link', () => 'hard.bin'],
    ['a pipe', () => 'pipe'],
    ['a folder', () => 'weights'],
    ['a folder with a slash', () => 'weights/'],
    ['the folder itself', () => '.'],
  ];
  it.each(cases)('%s', (_, location) => expectRefusal('EXTERNAL_FORBIDDEN', () => files.open(location())));
  it.skipIf(process.platform === 'win32')('a device', () => expectRefusal('EXTERNAL_FORBIDDEN', () => externalFilesIn('/dev/model.onnx').open('null')));
});

describe('EXTERNAL_BAD', () => {
  const cases: [string, () => unknown][] = [
    ['a file that is not there', () => files.open('missing.bin')],
    ['a file in a folder that is not there', () => files.open('missing/data.bin')],
    ['a file below a file', () => files.open('data.bin/more')],
    ['an empty name', () => files.open('')],
    ['a name of blanks', () => files.open('  ')],
    ['an empty file', () => files.open('empty.bin')],
    ['a name longer than any', () => files.open('n'.repeat(5000))],
    ['a negative offset', () => files.open('data.bin').read(-1, 10)],
    ['a negative length', () => files.open('data.bin').read(0, -1)],
    ['a huge offset', () => files.open('data.bin').read(2 ** 60, 10)],
    ['a huge length', () => files.open('data.bin').read(0, 2 ** 60)],
    ['past the end', () => files.open('data.bin').read(95, 6)],
    ['not a number', () => files.open('data.bin').read(Number.NaN, 1)],
  ];
  it.each(cases)('%s', (_, action) => expectRefusal('EXTERNAL_BAD', action));
  it('a file that became shorter after it was opened', () => {
    writeFileSync(join(folder, 'shrinking.bin'), new Uint8Array(1000));
    const source = files.open('shrinking.bin');
    truncateSync(join(folder, 'shrinking.bin'), 10);
    expectRefusal('EXTERNAL_BAD', () => source.read(0, 1000));
  });
});

describe('what is allowed', () => {
  it('a file in the folder, and one below it, by its bytes', () => {
    expect([...files.open('data.bin').read(10, 3)]).toEqual([10, 11, 12]);
    expect(new TextDecoder().decode(files.open('./weights/inner.bin').read(0, 5))).toBe('inner');
    expect(files.open('data.bin').size).toBe(100);
  });

  it('a model whose own folder is reached through a link (the person chose that, not the model)', () => {
    symlinkSync(folder, join(root, 'way-in'));
    const linked = externalFilesIn(join(root, 'way-in', 'model.onnx'));
    expect(linked.open('data.bin').size).toBe(100);
    linked.close();
  });

  it('more files than may be open at once, read in turn', () => {
    const many = join(root, 'many');
    mkdirSync(many);
    for (let index = 0; index < 200; index++) writeFileSync(join(many, `t${index}`), Uint8Array.from([index, 1]));
    const source = externalFilesIn(join(many, 'model.onnx'));
    const opened = Array.from({ length: 200 }, (_, index) => source.open(`t${index}`));
    expect(opened.map((file) => file.read(0, 1)[0])).toEqual(opened.map((_, index) => index));
    source.close();
  });
});
