/** Folders of pictures and tables of numbers: what is a sample, what is its label, and what is refused. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from './dataset.ts';
import type { Dataset } from './types.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-folders-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
/** A folder with pictures of 3 x 2, each of one grey value: its number in the list. Other files hold the text that is given. */
async function folder(pictures: readonly string[], others: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = join(root, `set-${count++}`, 'val');
  for (const [index, name] of pictures.entries()) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    const image = sharp({ create: { width: 3, height: 2, channels: 3, background: { r: index, g: index, b: index } } });
    // By content, whatever the name says.
    writeFileSync(join(path, name), await (/png$/iu.test(name) ? image.png() : image.jpeg({ quality: 100 })).toBuffer());
  }
  for (const [name, text] of Object.entries(others)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
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

describe('folders of pictures', () => {
  it('a folder for each class, whatever its name', async () => {
    const path = await folder(['b猫/1.png', 'a dog/2.PNG', 'a dog/1.jpg', 'ç/x.jpeg'], { 'a dog/notes.txt': 'x', '.hidden/1.png': 'x', 'a dog/._1.jpg': 'x' });
    await using(path, async (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'class-folders', samples: 4, classes: ['a dog', 'b猫', 'ç'], labelled: true, sampleShape: [2, 3, 3], warnings: [] });
      expect(labelsOf(dataset)).toEqual([0, 0, 1, 2]);
      // In the order of paths: a dog/1.jpg was the third to be made.
      expect((await dataset.load(0, undefined)).values[0]).toBe(2);
      expect((await dataset.load(2, undefined)).dims).toEqual([3, 2, 3]);
    });
  });

  it('the deepest folders are the classes', async () => {
    await using(await folder(['fruit/apple/1.png', 'fruit/pear/1.png', 'milk/1.png']), (dataset) => {
      expect(dataset.facts.classes).toEqual(['fruit/apple', 'fruit/pear', 'milk']);
      expect(labelsOf(dataset)).toEqual([0, 1, 2]);
    });
  });

  it('pictures side by side have no labels', async () => {
    await using(await folder(['1.png', '2.png']), (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'pictures', samples: 2, labelled: false, classes: [] });
      expect(dataset.label(0)).toBeUndefined();
    });
    await using(await folder(['1.png', 'more/2.png']), (dataset) => expect(dataset.facts.labelled).toBe(false));
  });

  it.each([
    ['synsets.txt in the folder', 'synsets.txt', 'n02\nn01\n', [1, 0]],
    ['labels.txt in the folder', 'labels.txt', 'n01_a.png 5\nn02_b.png 6\n', [5, 6]],
    ['labels.json in the folder', 'labels.json', '{"n02_b.png": 1, "n01_a.png": 3}', [3, 1]],
    ['a list beside it', '../val.txt', 'val/n01_a.png, 8, 1\nval/n02_b.png, 9, 1\n', [8, 9]],
    ['numbers in their order', 'labels.txt', '4\n2\n', [4, 2]],
  ])('%s gives the labels, and is named', async (_, file, text, labels) => {
    await using(await folder(['n01_a.png', 'n02_b.png'], { [file]: text }), (dataset) => {
      expect(labelsOf(dataset)).toEqual(labels);
      expect(dataset.facts.warnings.join()).toContain(file.replace('../', ''));
      expect(dataset.facts).toMatchObject({ labelled: true, classes: file === 'synsets.txt' ? ['n02', 'n01'] : Array.from({ length: Math.max(...labels) + 1 }, (__, i) => String(i)) });
    });
  });

  it('a list in the folder that is about something else is passed over, and named', async () => {
    await using(await folder(['cat/1.png', 'dog/1.png'], { 'labels.txt': 'golden retriever\ngolden eagle\n' }), (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'class-folders', classes: ['cat', 'dog'] });
      expect(dataset.facts.warnings.join()).toContain('labels.txt is not used');
    });
  });

  it('a label file that was given has to know every picture', async () => {
    const path = await folder(['a.png', 'b.png']);
    const list = join(root, 'given.csv');
    writeFileSync(list, 'a.png,1\nb.png,0\n');
    await using(path, (dataset) => expect(labelsOf(dataset)).toEqual([1, 0]), list);
    writeFileSync(list, 'a.png,1\nc.png,0\n');
    await expect(openDataset(path, { labelsPath: list })).rejects.toMatchObject({ code: 'BAD_LABELS', message: expect.stringContaining('"b.png"') });
    writeFileSync(list, '1\n0\n1\n');
    await expect(openDataset(path, { labelsPath: list })).rejects.toMatchObject({ code: 'BAD_LABELS', message: expect.stringContaining('3 labels') });
  });

  it('a broken picture is named, the others still load', async () => {
    const path = await folder(['a/1.jpg', 'a/2.jpg', 'b/3.jpg'], { 'b/4.jpg': 'no picture' });
    writeFileSync(join(path, 'a/2.jpg'), readFileSync(join(path, 'a/2.jpg')).subarray(0, 150));
    await using(path, async (dataset) => {
      await expect(dataset.load(1, undefined)).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringContaining('2.jpg') });
      await expect(dataset.load(3, undefined)).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringContaining('4.jpg') });
      expect((await dataset.load(2, undefined)).dims).toEqual([3, 2, 3]);
    });
  });

  it('a picture that was replaced is read again', async () => {
    const path = await folder(['1.png']);
    const before = await using(path, async (dataset) => [dataset.facts.sampleShape, (await dataset.load(0, undefined)).values[0]]);
    writeFileSync(join(path, '1.png'), await sharp({ create: { width: 5, height: 4, channels: 3, background: { r: 200, g: 0, b: 0 } } }).png().toBuffer());
    const after = await using(path, async (dataset) => [dataset.facts.sampleShape, (await dataset.load(0, undefined)).values[0]]);
    expect([before, after]).toEqual([[[2, 3, 3], 0], [[4, 5, 3], 200]]);
  });

  it('nothing in a folder is said', async () => {
    await expect(openDataset(await folder([], { 'readme.txt': 'x' }))).rejects.toMatchObject({ code: 'BAD_DATASET', hint: expect.any(String) });
    await expect(openDataset(await folder([], { 'a/1.png': '' }))).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringContaining('1.png') });
  });
});

describe('tables', () => {
  function table(name: string, text: string | Uint8Array): string {
    const path = join(root, name);
    writeFileSync(path, text);
    return path;
  }
  const rows = async (dataset: Dataset): Promise<number[][]> => Promise.all(Array.from({ length: dataset.facts.samples }, async (_, i) => [...(await dataset.load(i, undefined)).values]));

  it.each([
    ['a heading that names the label', 'headed.csv', '"a","class",b\n1,2,3\n4,0,6\n', [[1, 3], [4, 6]], [2, 0]],
    ['a heading without a label', 'plain.csv', 'a,b\n1,2\n4,0', [[1, 2], [4, 0]], [undefined, undefined]],
    ['tabs', 'table.tsv', 'y\ta\n1\t0.5\n0\t-1e3\n', [[0.5], [-1000]], [1, 0]],
    ['semicolons, empty lines, a byte order mark', 'semi.csv', '\uFEFFlabel;a\r\n\r\n1;2\r\n3;4\r\n', [[2], [4]], [1, 3]],
    ['columns lined up with spaces', 'wide.data', ' 1.5   2.5\n10.5   3.25\n', [[1.5, 2.5], [10.5, 3.25]], [undefined, undefined]],
    ['numbers in quotes', 'quotes.csv', '"1.5","2.5"\n"3","4"\n', [[1.5, 2.5], [3, 4]], [undefined, undefined]],
  ])('%s', async (_, name, text, values, labels) => {
    await using(table(name, text), async (dataset) => {
      expect(dataset.facts).toMatchObject({ kind: 'csv', samples: 2, labelled: labels[0] !== undefined, sampleShape: [values[0]?.length] });
      expect(await rows(dataset)).toEqual(values);
      expect(labelsOf(dataset)).toEqual(labels);
    });
  });

  it('without a heading a last column of few whole numbers is the label, and that is said', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `${i * 0.5},${i % 3}`);
    await using(table('guess.csv', lines.join('\n')), (dataset) => {
      expect(dataset.facts).toMatchObject({ samples: 40, labelled: true, classes: ['0', '1', '2'], sampleShape: [1] });
      expect(dataset.facts.warnings.join()).toContain('last column');
    });
    await using(table('values.csv', lines.map((line) => `${line}.5`).join('\n')), (dataset) => expect(dataset.facts).toMatchObject({ labelled: false, sampleShape: [2] }));
  });

  it('labels from a file leave every column a value', async () => {
    await using(table('own.csv', 'label,b\n1,2\n4,0'), async (dataset) => {
      expect(labelsOf(dataset)).toEqual([7, 8]);
      expect(await rows(dataset)).toEqual([[1, 2], [4, 0]]);
    }, table('own.txt', '7\n8\n'));
  });

  it.each([
    ['an empty file', 'empty.csv', '', 'no line'],
    ['a heading alone', 'heading.csv', 'a,b\n', 'no line of numbers'],
    ['text', 'prose.txt', 'Dear all,\nthis is a letter, and no table.\n', /columns|no number/u],
    ['binary data', 'binary.csv', Uint8Array.of(1, 2, 0, 3), 'binary'],
    ['a word among numbers', 'word.csv', 'a,b\n1,two\n', 'line 2, column 2'],
    ['an empty cell', 'cell.csv', 'a,b\n1,\n', 'line 2, column 2'],
    ['a ragged first line', 'ragged.csv', 'a,b\n1,2,3\n', '3 columns in line 2'],
  ])('%s is refused with its place', async (_, name, text, message) => {
    await expect(openDataset(table(name, text))).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringMatching(message) });
  });

  it('a fault further down is told when it is reached', async () => {
    await using(table('late.csv', 'a,b\n1,2\n3,4\n5\n6,x\n'), async (dataset) => {
      await dataset.load(1, undefined);
      await expect(dataset.load(2, undefined)).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringContaining('line 4') });
      await expect(dataset.load(3, undefined)).rejects.toMatchObject({ code: 'BAD_DATASET', message: expect.stringContaining('line 5, column 2') });
    });
    for (const label of ['-1', '0.5', '1e9']) await expect(openDataset(table('label.csv', `label,a\n1,2\n${label},2\n`))).rejects.toMatchObject({ code: 'BAD_LABELS' });
  });
});
