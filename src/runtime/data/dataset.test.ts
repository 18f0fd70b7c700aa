/** What people really have in their folders: comments in a table, the data as one file in a folder, a folder where a file was meant. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDataset } from './dataset.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-data-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
};

describe('a table of numbers', () => {
  test('comments and empty lines are no samples, wherever they stand', async () => {
    const path = write('digits.tes', '# the last number is the class\n\n1,2,0\r\n3,4,1\n  # half\n5,6,0\n\n7,8,1\n# the end');
    const data = await openDataset(path);
    try {
      expect(data.facts).toMatchObject({ samples: 4, labelled: true, sampleShape: [2] });
      expect([0, 1, 2, 3].map((index) => data.label(index))).toEqual([0, 1, 0, 1]);
      expect([...(await data.load(2, undefined)).values]).toEqual([5, 6]);
    } finally {
      await data.close();
    }
  });

  test('only comments are no data', async () => {
    await expect(openDataset(write('none.csv', '# a\n# b\n'))).rejects.toMatchObject({ code: 'BAD_DATASET' });
  });
});

describe('a folder where a file was meant', () => {
  test('the file in it is named', async () => {
    const folder = join(root, 'idx');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a-labels-idx1-ubyte.gz'), '');
    writeFileSync(join(folder, 'b-images-idx3-ubyte.gz'), '');
    await expect(openDataset(folder)).rejects.toMatchObject({ code: 'BAD_DATASET', hint: expect.stringContaining('b-images-idx3-ubyte.gz') });
  });

  test('labels that are a folder are named as such', async () => {
    const path = write('table.csv', '1,2\n3,4\n');
    await expect(openDataset(path, { labelsPath: root })).rejects.toMatchObject({ code: 'BAD_LABELS' });
  });
});
