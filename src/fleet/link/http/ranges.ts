/** Ranges of RFC 9110, section 14: one range of bytes. What is not understood, or more than one, is answered with the whole, as the RFC allows. */

/** `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** @returns null: send the whole. `unsatisfiable`: answer 416 */
export function rangeOf(header: string | undefined, ifRange: string | undefined, etag: string, length: number): ByteRange | 'unsatisfiable' | null {
  if (header === undefined) return null;
  // Only the very same strong tag will do (13.1.5); dates are not kept here.
  if (ifRange !== undefined && ifRange !== etag) return null;
  const [, first = '', last = ''] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/.exec(header) ?? [];
  if (first === '' && last === '') return null;
  if (first === '') {
    const wanted = Number(last);
    return wanted === 0 || length === 0 ? 'unsatisfiable' : { start: Math.max(0, length - wanted), end: length };
  }
  const start = Number(first);
  const end = last === '' ? length : Math.min(length, Number(last) + 1);
  if (last !== '' && Number(last) < start) return null;
  return start >= length ? 'unsatisfiable' : { start, end };
}
