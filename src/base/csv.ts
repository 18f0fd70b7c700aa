/** Tables for a spreadsheet: RFC 4180, with a byte order mark, and nothing in it that a spreadsheet would run. */

export type CsvValue = string | number | null;

/** @param rows the header first */
export function csvText(rows: readonly (readonly CsvValue[])[]): string {
  return `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** What begins like a formula gets an apostrophe before it; numbers stay numbers. */
function cell(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const safe = /^[=+\-@\t\r]/u.test(value) ? `'${value}` : value;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
