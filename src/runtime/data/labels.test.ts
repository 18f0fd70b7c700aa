/** Every form of label file, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelsInOrder, numberedClasses, readLabels } from './labels.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-labels-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function write(text: string): string {
  const path = join(folder, `labels-${count++}.txt`);
  writeFileSync(path, text);
  return path;
}

const find = (text: string, ...paths: string[]): (number | undefined)[] => {
  const labels = readLabels(write(text));
  return paths.map((path, index) => labels.of(path, index));
};

describe('label files', () => {
  it.each([
    ['one number a line', '7\n0\r\n3\n', [7, 0, 3]],
    ['a byte order mark and empty lines', '\uFEFF7\n\n0\n3', [7, 0, 3]],
    ['a JSON list', '[7, 0, 3]', [7, 0, 3]],
    ['a JSON object', '{"a.jpg": 7, "b.jpg": 0, "c.jpg": 3}', [7, 0, 3]],
    ['commas', 'a.jpg, 7\nb.jpg, 0\nc.jpg, 3', [7, 0, 3]],
    ['columns after the label', 'a.jpg, 7, 99\nb.jpg, 0, 98\nc.jpg, 3, 97', [7, 0, 3]],
    ['semicolons', 'a.jpg;7\nb.jpg;0\nc.jpg;3', [7, 0, 3]],
    ['tabs', 'a.jpg\t7\nb.jpg\t0\nc.jpg\t3', [7, 0, 3]],
    ['spaces', 'a.jpg 7\nb.jpg  0\nc.jpg 3 1', [7, 0, 3]],
    ['quotes and a heading', '"file","label"\n"a.jpg","7"\n"b.jpg","0"\n"c.jpg","3"', [7, 0, 3]],
    ['names without endings', 'id,class\na,7\nb,0\nc,3', [7, 0, 3]],
    ['another order', 'c.jpg,3\nb.jpg,0\na.jpg,7', [7, 0, 3]],
  ])('%s', (_, text, expected) => {
    expect(find(text, '/data/a.jpg', '/data/b.jpg', '/data/c.jpg')).toEqual(expected);
  });

  it('class names are numbered in their own order', () => {
    const labels = readLabels(write('image,breed\na.jpg,whippet\nb.jpg,beagle\nc.jpg,whippet\n'));
    expect(labels.classes).toEqual(['beagle', 'whippet']);
    expect(['a.jpg', 'b.jpg', 'c.jpg'].map((path) => labels.of(path, 0))).toEqual([1, 0, 1]);
  });

  it('spaces and digits in file names are no labels', () => {
    expect(find('photo 1 (2).jpg,7\nphoto 2 copy.jpg,8', 'photo 1 (2).jpg', 'photo 2 copy.jpg')).toEqual([7, 8]);
    expect(find('photo 1.jpg 7\nphoto 2.jpg 8', 'photo 1.jpg', 'photo 2.jpg')).toEqual([7, 8]);
  });

  it('the longest common ending of the paths decides', () => {
    const text = 'val/Apple/001.jpg,1\nval/Pear/001.jpg,2\nval/Plum/002.jpg,3';
    expect(find(text, '/somewhere/Apple/001.jpg', 'C:\\data\\val\\Pear\\001.jpg', '002.jpg', '001.jpg')).toEqual([1, 2, 3, undefined]);
  });

  it('class ids that file names begin with', () => {
    const labels = readLabels(write('n01440764\nn01443537\nn01484850 great white shark\n'));
    expect(labels.classes).toEqual(['n01440764', 'n01443537', 'n01484850']);
    expect(labels.of('/x/n01443537_goldfish.JPEG', 0)).toBe(1);
    expect(labels.of('/x/n01484850.jpeg', 0)).toBe(2);
    expect(labels.of('/x/n0000_unknown.JPEG', 0)).toBeUndefined();
  });

  it.each([
    ['', 'is empty'],
    ['{"a.jpg": ', 'no valid JSON'],
    ['{"a.jpg": -1}', 'neither a list'],
    ['[1.5]', 'neither a list'],
    ['a.jpg 1\na.jpg x\n', 'line 2'],
  ])('refuses %j', (text, message) => {
    expect(() => readLabels(write(text))).toThrow(expect.objectContaining({ code: 'BAD_LABELS', message: expect.stringContaining(message), hint: expect.any(String) }));
  });

  it('one label a line has to be one for each sample', () => {
    const path = write('1\n2\n3\n');
    expect(labelsInOrder(path, 3)).toEqual([1, 2, 3]);
    for (const samples of [2, 4]) expect(() => labelsInOrder(path, samples)).toThrow(expect.objectContaining({ code: 'BAD_LABELS', message: expect.stringContaining('3 labels') }));
  });

  it('a class number beyond any classifier is refused before anything is allocated for it', () => {
    expect(numberedClasses('x', [2, 0])).toEqual(['0', '1', '2']);
    for (const label of [4e9, -1, 0.5, Number.NaN]) expect(() => numberedClasses('x', [0, label])).toThrow(expect.objectContaining({ code: 'BAD_LABELS' }));
  });
});
