/**
 * CSV of numbers, one sample a line, with or without a header. The label is the column that the header calls label, class, target or y; without
 * a header the last column, where it holds few different small whole numbers. Only positions of lines are kept in memory.
 */
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { EdgewiseError } from '../../base/errors.ts';
import type { Dataset, DatasetOptions } from './types.ts';
import { labelsInOrder, numberedClasses } from './labels.ts';
import { prepareNumbers } from './prepare.ts';

const MAX_LINE_BYTES = 16 * 2 ** 20;
const MAX_LINES = 10_000_000;
const LABEL_NAMES = /^(label|class|target|y|category)$/iu;
/** A last column without a name is a label when it has at most so many different values. */
const MAX_GUESSED_CLASSES = 1000;
/** How much of the file is looked through at a time for labels. */
const BLOCK_BYTES = 4 * 2 ** 20;

/** @throws BAD_DATASET, BAD_LABELS */
export async function openCsv(path: string, options: DatasetOptions): Promise<Dataset> {
  const starts = await lineStarts(path);
  const { size } = await stat(path);
  const file = await open(path, 'r');
  const line = async (index: number): Promise<string> => {
    const from = starts[index] ?? 0;
    const length = (starts[index + 1] ?? size) - from;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    // Up to the next line of the data there may be empty ones and comments.
    return (buffer.toString('utf8', 0, bytesRead).split('\n', 1)[0] ?? '').trim();
  };
  try {
    const firstLine = await line(0);
    const separator = [',', ';', '\t', ' '].find((mark) => firstLine.includes(mark)) ?? ',';
    // Columns that are lined up with spaces have more than one between them.
    const cells = (text: string): string[] => text.split(separator === ' ' ? /\s+/u : separator).map((cell) => cell.trim().replace(/^"(.*)"$/u, '$1'));
    const numberOf = (cell: string): number => (cell === '' ? Number.NaN : Number(cell));
    const head = cells(firstLine);
    const headed = head.some((cell) => Number.isNaN(numberOf(cell)));
    const first = headed ? 1 : 0;
    const count = starts.length - first;
    if (count < 1) throw bad(path, 'has no line of numbers');
    const parse = async (index: number): Promise<number[]> => {
      const values = cells(await line(index + first)).map(numberOf);
      if (values.length !== head.length) throw bad(path, `has ${values.length} columns in line ${index + first + 1}, but ${head.length} in its first`);
      const wrong = values.findIndex((value) => Number.isNaN(value));
      if (wrong >= 0) throw bad(path, `has something that is no number in line ${index + first + 1}, column ${wrong + 1}`);
      return values;
    };
    await parse(0);
    const named = headed ? head.findIndex((cell) => LABEL_NAMES.test(cell)) : -1;
    const column = options.labelsPath !== undefined ? -1 : named >= 0 ? named : headed ? -1 : await guessLabelColumn(parse, count, head.length);
    const labels = options.labelsPath === undefined ? (column >= 0 ? await labelColumn(path, { file, size, starts: starts.slice(first), separator, columns: head.length, column, parse }) : undefined) : labelsInOrder(options.labelsPath, count);
    return {
      facts: {
        path,
        kind: 'csv',
        samples: count,
        classes: numberedClasses(options.labelsPath ?? path, labels),
        labelled: labels !== undefined,
        sampleShape: [head.length - (column >= 0 ? 1 : 0)],
        warnings: column >= 0 && !headed ? ['the last column is taken as the label'] : [],
      },
      label: (index) => labels?.[index],
      async load(index, preprocess) {
        const values = await parse(index);
        if (column >= 0) values.splice(column, 1);
        return prepareNumbers(Float32Array.from(values), [values.length], preprocess);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Byte positions of the lines that are neither empty nor comments (`#`). */
async function lineStarts(path: string): Promise<number[]> {
  const starts: number[] = [];
  let offset = 0;
  let start = 0;
  let blank = true;
  let comment = false;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (byte === 10) {
        if (!blank && !comment) starts.push(start);
        comment = false;
        start = offset + i + 1;
        blank = true;
        if (starts.length > MAX_LINES) throw bad(path, `has more than ${MAX_LINES} lines`);
      } else if (byte > 32) {
        if (blank) comment = byte === 35;
        blank = false;
      } else if (byte === 0) throw bad(path, 'holds binary data, not text');
    }
    offset += chunk.length;
    if (offset - start > MAX_LINE_BYTES) throw bad(path, `has a line longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (!blank && !comment) starts.push(start);
  return starts;
}

async function guessLabelColumn(parse: (index: number) => Promise<number[]>, count: number, columns: number): Promise<number> {
  if (columns < 2) return -1;
  const seen = new Set<number>();
  const probes = Math.min(count, 500);
  for (let i = 0; i < probes; i++) {
    const value = (await parse(Math.floor((i * count) / probes))).at(-1) ?? Number.NaN;
    if (!Number.isInteger(value) || value < 0 || value >= MAX_GUESSED_CLASSES) return -1;
    seen.add(value);
  }
  return seen.size > 1 && seen.size <= probes / 2 ? columns - 1 : -1;
}

interface LabelColumn {
  readonly file: FileHandle;
  readonly size: number;
  readonly starts: readonly number[];
  readonly separator: string;
  readonly columns: number;
  readonly column: number;
  parse(index: number): Promise<number[]>;
}

/** One cell of each line, found by counting separators: taking every line apart for it takes ten times as long. */
async function labelColumn(path: string, { file, size, starts, separator, columns, column, parse }: LabelColumn): Promise<number[]> {
  const mark = separator.charCodeAt(0);
  const labels: number[] = [];
  while (labels.length < starts.length) {
    const from = starts[labels.length] ?? 0;
    let end = labels.length + 1;
    while (end < starts.length && (starts[end + 1] ?? size) - from <= BLOCK_BYTES) end++;
    const { buffer, bytesRead } = await file.read(Buffer.alloc((starts[end] ?? size) - from), 0, null, from);
    const block = buffer.subarray(0, bytesRead);
    for (let index = labels.length; index < end; index++) {
      // What is not found so simply (spaces, quotes, a line that is wrong) goes the long way, which knows how to say what is wrong.
      const found = separator === ' ' ? undefined : wholeNumberIn(block, (starts[index] ?? 0) - from, mark, columns, column);
      const label = found ?? (await parse(index))[column] ?? Number.NaN;
      if (!Number.isInteger(label) || label < 0) throw new EdgewiseError('BAD_LABELS', `"${path}" has the label ${label} in sample ${index}; labels are whole numbers from 0.`, { hint: 'Correct the label column.', details: { path, sample: index } });
      labels.push(label);
    }
  }
  return labels;
}

/** The number in a column of the line that begins at `start`; undefined where it is not digits alone, or the line has another number of columns. */
function wholeNumberIn(block: Uint8Array, start: number, mark: number, columns: number, column: number): number | undefined {
  let cell = 0;
  let value = 0;
  let digits = 0;
  for (let at = start; at < block.length; at++) {
    const byte = block[at] as number;
    if (byte === 10 || byte === 13) break;
    if (byte === mark) cell++;
    else if (cell === column) {
      if (byte < 48 || byte > 57 || digits === 9) return undefined;
      value = value * 10 + byte - 48;
      digits++;
    }
  }
  return digits > 0 && cell === columns - 1 ? value : undefined;
}

function bad(path: string, what: string): EdgewiseError {
  return new EdgewiseError('BAD_DATASET', `"${path}" ${what}.`, { hint: 'A CSV file holds one sample a line: numbers, separated by commas, semicolons, tabs or spaces.', details: { path } });
}
