/** The filter that is sent, made of what is typed and which chips are on. The language is docs/fleet.md; only the console judges it. */

export interface BuiltFilter {
  readonly filter: string;
  /** Where the typed text begins in it; null: it is not in it as it was typed. */
  readonly typedAt: number | null;
}

const PLAIN = /^[\p{L}\p{N}._*/-]+(?: [\p{L}\p{N}._*/-]+)*$/u;
const SPOKEN = new Set(['and', 'or', 'not', 'in', 'online', 'simulated']);
const SEARCHED = ['id', 'name', 'store', 'region', 'workload', 'artifact'];
/** A part of the filter that was chosen on the map. */
export const STORES = /^store (?:= |in \()/;
/** As the contract limits it. */
export const LONGEST_FILTER = 2000;

/** A few words without an operator are looked for, instead of being a mistake. */
export function isPlainSearch(typed: string): boolean {
  const text = typed.trim();
  return PLAIN.test(text) && !text.toLowerCase().split(' ').some((word) => SPOKEN.has(word));
}

export function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

export function buildFilter(typed: string, clauses: readonly string[]): BuiltFilter {
  const text = typed.trim();
  const before = clauses.join(' and ');
  if (text === '') return { filter: before, typedAt: null };
  if (isPlainSearch(text)) {
    const search = SEARCHED.map((field) => `${field} = ${quoted(`*${text}*`)}`).join(' or ');
    return { filter: before === '' ? search : `${before} and (${search})`, typedAt: null };
  }
  const lead = typed.length - typed.trimStart().length;
  return before === '' ? { filter: text, typedAt: -lead } : { filter: `${before} and (${text})`, typedAt: before.length + ' and ('.length - lead };
}

/** A filter for exactly these devices; null: it would be longer than a filter may be. */
export function filterOfIds(ids: readonly string[]): string | null {
  const filter = `id in (${ids.map((id) => (SPOKEN.has(id.toLowerCase()) ? quoted(id) : id)).join(', ')})`;
  return ids.length === 0 || filter.length > LONGEST_FILTER ? null : filter;
}
