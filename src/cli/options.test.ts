import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { integer, readPreprocess } from './options.ts';

const root = mkdtempSync(join(tmpdir(), 'edgewise-options-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('--preprocess', () => {
  test('is a JSON object or a file that holds one', () => {
    writeFileSync(join(root, 'record.json'), '{"crop":[224,224],"layout":"NHWC"}');
    expect(readPreprocess('{"crop":224}')).toEqual({ crop: 224 });
    expect(readPreprocess(join(root, 'record.json'))).toEqual({ crop: [224, 224], layout: 'NHWC' });
  });

  const bad = [
    { text: '{"crop":', code: 'BAD_PREPROCESS' },
    { text: '{"crop":-1}', code: 'BAD_PREPROCESS' },
    { text: '{"std":[1,0,1]}', code: 'BAD_PREPROCESS' },
    { text: '{"zoom":2}', code: 'BAD_PREPROCESS' },
    { text: join(root, 'none.json'), code: 'FILE_NOT_FOUND' },
    { text: root, code: 'FILE_UNREADABLE' },
  ];
  for (const { text, code } of bad) {
    test(`${text.replace(root, '')}: ${code}`, () => {
      expect(() => readPreprocess(text)).toThrowError(expect.objectContaining({ code }));
    });
  }
});

describe('whole numbers', () => {
  test('are taken within their range', () => expect(integer(1, 10)('7')).toBe(7));
  for (const text of ['0', '11', '-1', '1.5', '1e1', '', 'seven', ' 7']) {
    test(`"${text}" is refused`, () => expect(() => integer(1, 10)(text)).toThrowError('from 1 to 10'));
  }
});
