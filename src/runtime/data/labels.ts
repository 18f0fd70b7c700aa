/** Label files: which class a sample is of. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';

const MAX_LABEL_FILE_BYTES = 64 * 2 ** 20;
/** More than any classifier has; a larger number is something else than a class. */
const MAX_CLASSES = 1_000_000;

/** Labels by position, or found by a sample's path. */
export interface Labels {
  of(path: string, index: number): number | undefined;
  /** How many lines or entries there were. */
  readonly count: number;
  /** The nth label is the nth sample's. */
  readonly positional: boolean;
  readonly classes: readonly string[];
}

const byFile = z.record(z.string(), z.number().int().nonnegative());
const byPosition = z.array(z.number().int().nonnegative());

/**
 * Reads a label file: JSON ({file: label} or [labels]); lines `path, label[, ...]`, where a label is a class number or a name; a list of
 * class ids, one a line, where the file names of the samples start with such an id (`n01440764_tench.JPEG` and synsets.txt); or one number
 * a line, in the order of the samples. Names are numbered in their own order. A first line that is a heading is passed over.
 * @throws BAD_LABELS
 */
export function readLabels(path: string): Labels {
  const stats = statSync(path);
  if (!stats.isFile()) throw bad(path, 'is no file', 'Choose the file with the labels.');
  if (stats.size > MAX_LABEL_FILE_BYTES) throw bad(path, 'is larger than 64 MB', 'Choose the label file, not the data.');
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/u, '');
  if (/^\s*[[{]/u.test(text)) return fromJson(path, text);
  const lines = text.split(/\r?\n/u).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw bad(path, 'is empty', 'Put one label on each line.');
  if (lines.every((line) => /^\s*\d+\s*$/u.test(line))) return positions(lines.map(Number));
  const pairs = lines.map(pairOf);
  const headed = pairs.length > 1 && !isNumber(pairs[0]?.[1]) && pairs.slice(1).every((pair) => isNumber(pair?.[1]));
  const body = headed ? pairs.slice(1) : pairs;
  if (body.every((pair) => isNumber(pair?.[1]))) return paths(new Map(body.map((pair) => [pair?.[0] ?? '', Number(pair?.[1])])));
  const named = namedPairs(lines);
  if (named !== undefined) return named;
  const ids = lines.map((line) => line.trim().split(/[\s,]/u)[0] ?? '');
  if (new Set(ids).size === ids.length) return prefixes(ids);
  const wrong = pairs.findIndex((pair) => !isNumber(pair?.[1]));
  throw bad(path, `has a line that is neither "path, number" nor a number: line ${wrong + 1}, "${(lines[wrong] ?? '').slice(0, 60)}"`, 'See docs/data-sets.md for the forms of label files.');
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && /^\d+$/u.test(text);
}

const unquoted = (text: string): string => text.trim().replace(/^"(.*)"$/u, '$1');

/** The path and the first field after it. Spaces separate only where no stronger mark does: file names have spaces of their own. */
function pairOf(line: string): readonly [string, string] | undefined {
  const mark = [',', ';', '\t'].find((each) => line.includes(each));
  if (mark !== undefined) {
    const [path = '', label = ''] = line.split(mark);
    return [unquoted(path), unquoted(label)];
  }
  const pair = /^\s*(.+?)\s+(\d+)(?:\s.*)?$/u.exec(line);
  return pair === null ? undefined : [unquoted(pair[1] ?? ''), pair[2] ?? ''];
}

/** `path, class name`: names come again from line to line, unlike those of a list of classes. */
function namedPairs(lines: readonly string[]): Labels | undefined {
  const pairs = lines.map((line) => (/^[^\s,;]+[,;\t]|^"[^"]+"[,;\t]|^[^,;\t]+\.\w+[,;\t]/u.test(line.trim()) ? pairOf(line) : undefined));
  if (!pairs.every((pair) => pair !== undefined && pair[1] !== '')) return undefined;
  const [first, ...rest] = pairs as (readonly [string, string])[];
  const repeat = (list: readonly (readonly [string, string])[]): boolean => new Set(list.map(([, name]) => name)).size < list.length;
  if (first === undefined || !repeat(rest)) return undefined;
  const body = /^(?:file(?:name)?|path|image(?:_?id)?|id|name)$/iu.test(first[0]) ? rest : [first, ...rest];
  const classes = [...new Set(body.map(([, name]) => name))].sort();
  const rank = new Map(classes.map((name, index) => [name, index]));
  return { ...paths(new Map(body.map(([file, name]) => [file, rank.get(name) ?? 0]))), classes };
}

function fromJson(path: string, text: string): Labels {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw bad(path, `is no valid JSON (${error instanceof Error ? error.message : 'unreadable'})`, 'Correct the file, or give lines "path, label".');
  }
  const list = byPosition.safeParse(value);
  if (list.success) return positions(list.data);
  const map = byFile.safeParse(value);
  if (map.success) return paths(new Map(Object.entries(map.data)));
  throw bad(path, 'is neither a list of class numbers nor an object {file: class number}', 'Class numbers are whole and start at 0.');
}

function positions(values: readonly number[]): Labels {
  return { count: values.length, positional: true, classes: [], of: (_path, index) => values[index] };
}

/** Paths in a list may start above or below the data set's folder: the longest common ending decides, the bare name last. */
function paths(values: ReadonlyMap<string, number>): Labels {
  const byEnding = new Map<string, number | null>();
  for (const [file, label] of values) {
    for (const ending of endings(file)) {
      const known = byEnding.get(ending);
      byEnding.set(ending, known === undefined || known === label ? label : null);
    }
  }
  return {
    count: values.size,
    positional: false,
    classes: [],
    of(path) {
      for (const ending of endings(path)) {
        const label = byEnding.get(ending) ?? byEnding.get(ending.replace(/\.[^./]*$/u, ''));
        if (label !== undefined && label !== null) return label;
      }
      return undefined;
    },
  };
}

/** `a/b/c.jpg` -> itself, `b/c.jpg`, `c.jpg`. */
function endings(path: string): string[] {
  const parts = path.split(/[\\/]/u).filter((part) => part !== '' && part !== '.');
  return parts.map((_, i) => parts.slice(i).join('/'));
}

function prefixes(ids: readonly string[]): Labels {
  const rank = new Map(ids.map((id, index) => [id, index]));
  return {
    count: ids.length,
    positional: false,
    classes: ids,
    of(path) {
      const name = basename(path);
      return rank.get(name.replace(/\.[^.]*$/u, '')) ?? rank.get(name.split(/[_.\s-]/u)[0] ?? '');
    },
  };
}

function bad(path: string, what: string, hint: string): EdgewiseError {
  return new EdgewiseError('BAD_LABELS', `The label file "${path}" ${what}.`, { hint, details: { path } });
}

/** One label a line serves only as many samples as there are lines: with fewer or more, nobody knows which is whose. @throws BAD_LABELS */
export function checkCount(path: string, labels: Labels, count: number): void {
  if (labels.positional && labels.count !== count) {
    throw bad(path, `has ${labels.count} labels, but there are ${count} samples`, 'Give one label a line for every sample, or lines "path, label".');
  }
}

/** Labels in the order of the samples. @throws BAD_LABELS where one is missing */
export function labelsInOrder(path: string, count: number): number[] {
  const labels = readLabels(path);
  checkCount(path, labels, count);
  return Array.from({ length: count }, (_, index) => {
    const label = labels.of(String(index), index);
    if (label === undefined) throw bad(path, `has no label for sample ${index}`, 'Give one label a line, in the order of the samples.');
    return label;
  });
}

/** Class names of numeric labels: `0` to the largest. @param path names the file in errors @throws BAD_LABELS where they are no class numbers */
export function numberedClasses(path: string, labels: ArrayLike<number> | undefined): string[] {
  if (labels === undefined) return [];
  let most = -1;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (!Number.isInteger(label) || label < 0 || label >= MAX_CLASSES) {
      throw new EdgewiseError('BAD_LABELS', `"${path}" has the label ${label} for sample ${i}; labels are whole numbers from 0 to ${MAX_CLASSES - 1}.`, {
        hint: 'Number the classes from 0.',
        details: { path, sample: i },
      });
    }
    most = Math.max(most, label);
  }
  return Array.from({ length: most + 1 }, (_, i) => String(i));
}
