/** Reading what was typed. Each parser throws what commander turns into a usage error, or a named error for a file's content. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import { EdgewiseError } from '../base/errors.ts';
import { preprocessRecord } from '../contract/records/common.ts';

export function integer(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
    return value;
  };
}

export function number(from: number, to: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) throw new InvalidArgumentError(`It must be a number from ${from} to ${to}.`);
    return value;
  };
}

/** A preprocessing record as it was read; `PreprocessRecord` of the ports once it is used. */
export type PreprocessInput = z.infer<typeof preprocessRecord>;

/**
 * `--preprocess`: a JSON object, or a file that holds one.
 * @throws EdgewiseError BAD_PREPROCESS, FILE_NOT_FOUND
 */
export function readPreprocess(text: string): PreprocessInput {
  const json = text.trimStart().startsWith('{') ? text : readText(text, 'preprocessing record');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw badPreprocess(`is not JSON: ${(error as Error).message}`);
  }
  const parsed = preprocessRecord.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badPreprocess(`is not well formed${issue && issue.path.length > 0 ? ` at ${issue.path.join('.')}` : ''}: ${issue?.message ?? 'unknown reason'}`);
}

function badPreprocess(what: string): EdgewiseError {
  return new EdgewiseError('BAD_PREPROCESS', `The preprocessing record ${what}.`, {
    hint: 'Example: {"resize":{"mode":"shorter","size":256},"crop":224,"channels":"RGB","scale":0.003921569,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"layout":"NCHW"}',
  });
}

/** @throws EdgewiseError FILE_NOT_FOUND, FILE_UNREADABLE */
export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new EdgewiseError(missing ? 'FILE_NOT_FOUND' : 'FILE_UNREADABLE', missing ? `There is no file at ${path} (${what}).` : `${path} (${what}) cannot be read: ${(error as Error).message}.`, { hint: 'Check the path and its permissions.', cause: error });
  }
}
