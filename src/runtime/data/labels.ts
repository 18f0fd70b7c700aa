/** Label files: which class a sample is of. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';

const MAX_LABEL_FILE_BYTES = 64 * 2 ** 20;

/** Labels by position, or found by a sample's path. */
export interface Labels {
  of(path: string, index: number): number | undefined;
  /** How many lines or entries there were. */
  readonly count: number;
  readonly classes: readonly string[];
}

const byFile = z.record(z.string(), z.number().int().nonnegative());
const byPosition = z.array(z.number().int().nonnegative());

/**
 * Reads a label file: JSON ({file: label} or [labels]); lines `path, label[, ...]`; a list of class ids, one a line, where the file
 * names of the samples start with such an id (`n01440764_tench.JPEG` and synsets.txt); or one number a line, in the order of the samples.
 * @throws BAD_LABELS
 */
export function readLabels(path: string): Labels {
  if (statSync(path).size > MAX_LABEL_FILE_BYTES) throw bad(path, 'is larger than 64 MB', 'Choose the label file, not the data.');
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/u, '');
  if (/^\s*[[{]/u.test(text)) return fromJson(path, text);
  const lines = text.split(/\r?\n/u).filter((line) => line.trim() !== '');
  if (lines.length === 0) throw bad(path, 'is empty', 'Put one label on each line.');
  if (lines.every((line) => /^\s*\d+\s*$/u.test(line))) return positions(lines.map(Number));
  const pairs = lines.map((line) => /^\s*(.+?)\s*[,;\t ]\s*(\d+)\s*(?:[,;\t ].*)?$/u.exec(line));
  if (pairs.every((pair) => pair !== null)) return paths(new Map(pairs.map((pair) => [pair[1] ?? '', Number(pair[2])])));
  const ids = lines.map((line) => line.trim().split(/[\s,]/u)[0] ?? '');
  if (new Set(ids).size === ids.length) return prefixes(ids);
  const wrong = pairs.indexOf(null);
  throw bad(path, `has a line that is neither "path, number" nor a number: line ${wrong + 1}, "${(lines[wrong] ?? '').slice(0, 60)}"`, 'See docs/data-sets.md for the forms of label files.');
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
  return { count: values.length, classes: [], of: (_path, index) => values[index] };
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
    classes: [],
    of(path) {
      for (const ending of endings(path)) {
        const label = byEnding.get(ending);
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

/** Labels in the order of the samples. @throws BAD_LABELS where one is missing */
export function labelsInOrder(path: string, count: number): number[] {
  const labels = readLabels(path);
  return Array.from({ length: count }, (_, index) => {
    const label = labels.of(String(index), index);
    if (label === undefined) throw bad(path, `has no label for sample ${index}`, 'Give one label a line, in the order of the samples.');
    return label;
  });
}

/** Class names of numeric labels: `0` to the largest. */
export function numberedClasses(labels: ArrayLike<number> | undefined): string[] {
  if (labels === undefined) return [];
  let most = -1;
  for (let i = 0; i < labels.length; i++) most = Math.max(most, labels[i] as number);
  return Array.from({ length: most + 1 }, (_, i) => String(i));
}
