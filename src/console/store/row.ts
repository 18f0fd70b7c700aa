/** Reading JSON columns: a row is parsed like any other input, so that a damaged one is named instead of believed. */
import type { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';

/** @throws EdgewiseError STORE_CORRUPT naming the table and the row */
export function parseColumn<T extends z.ZodType>(schema: T, text: unknown, where: string): z.infer<T> {
  try {
    return schema.parse(JSON.parse(String(text)));
  } catch (error) {
    throw new EdgewiseError('STORE_CORRUPT', `The database holds a row that cannot be read: ${where}.`, {
      hint: 'Restore the database from a backup, or move it away and start with an empty library.',
      cause: error,
    });
  }
}
