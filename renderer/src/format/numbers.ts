/** Numbers as people read them, per locale: the digits and, apart from them, the unit, so that a unit can stand quietly behind. */

export interface Figure {
  readonly value: string;
  readonly unit: string;
}

const DASH = '–';

// Making one takes ten to thirty times as long as using it, and a live table writes hundreds of figures a second.
const numberFormats = new Map<string, Intl.NumberFormat>();
const dateFormats = new Map<string, Intl.DateTimeFormat>();

function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return kept(numberFormats, locale + JSON.stringify(options), () => new Intl.NumberFormat(locale, options));
}

function dateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return kept(dateFormats, locale + JSON.stringify(options), () => new Intl.DateTimeFormat(locale, options));
}

function kept<T>(all: Map<string, T>, key: string, make: () => T): T {
  const known = all.get(key);
  if (known !== undefined) return known;
  const made = make();
  all.set(key, made);
  return made;
}

/** An error or a difference: as it is, or with a power of ten where zeros would only be counted. */
export function formatTiny(value: number, locale: string): string {
  if (value === 0 || Math.abs(value) >= 0.001) return formatSignificant(value, locale, 2);
  const [digits = '', exponent = ''] = value.toExponential(1).split('e');
  const raised = exponent.replace('-', '⁻').replaceAll(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '');
  return `${formatSignificant(Number(digits), locale, 2)} × 10${raised}`;
}

/** Three significant digits, no exponent, no digits after the point that say nothing. */
export function formatSignificant(value: number, locale: string, digits = 3): string {
  return numberFormat(locale, { maximumSignificantDigits: digits, minimumSignificantDigits: Number.isInteger(value) ? 1 : digits }).format(value);
}

export function formatInteger(value: number, locale: string): string {
  return numberFormat(locale, { maximumFractionDigits: 0 }).format(value);
}

/** Decimal units, as disks and networks count: 1 kB = 1000 B. */
export function formatBytes(bytes: number, locale: string): Figure {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'], locale);
}

/** Parameters, multiply-adds, elements: 1 k = 1000. `null`: not known. */
export function formatCount(count: number | null, locale: string): Figure {
  return count === null ? { value: DASH, unit: '' } : scaled(count, ['', 'k', 'M', 'G', 'T'], locale);
}

/** Milliseconds; below a thousandth in microseconds, above ten thousand in seconds. */
export function formatMs(ms: number, locale: string): Figure {
  if (ms !== 0 && ms < 0.1) return { value: formatSignificant(ms * 1000, locale), unit: 'µs' };
  if (ms >= 10_000) return { value: formatSignificant(ms / 1000, locale), unit: 's' };
  return { value: formatSignificant(ms, locale), unit: 'ms' };
}

/** A share from 0 to 1, as per cent. */
export function formatShare(share: number, locale: string, digits = 1): Figure {
  return { value: numberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share * 100), unit: '%' };
}

/** Money in yuan: cents only where they are seen, and two digits where there would be nothing but zeros. */
export function formatCny(value: number, locale: string): string {
  const size = Math.abs(value);
  const digits = size >= 1000 ? { maximumFractionDigits: 0 } : size > 0 && size < 0.1 ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const text = numberFormat(locale, { style: 'currency', currency: 'CNY', currencyDisplay: 'narrowSymbol', ...digits }).format(value);
  return text.replace('-', '\u2212');
}

/** A ratio, for example 2.41. */
export function formatRatio(ratio: number, locale: string): string {
  return numberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(ratio);
}

/** A difference of shares in percentage points, signed, with the true minus sign. */
export function formatPoints(difference: number, locale: string, digits = 1): string {
  const points = difference * 100;
  const text = numberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'exceptZero' }).format(points);
  return text.replace('-', '\u2212');
}

/** Seconds as hours, minutes and seconds: never more than two of them. */
export function formatDuration(seconds: number, locale: string): string {
  const whole = Math.max(0, Math.round(seconds));
  const unit = (value: number, name: 'hour' | 'minute' | 'second'): string =>
    numberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value).replace(/secs?$/, 's');
  if (whole < 60) return unit(whole, 'second');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 === 0 ? unit(minutes, 'minute') : `${unit(minutes, 'minute')} ${unit(whole % 60, 'second')}`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 === 0 ? unit(hours, 'hour') : `${unit(hours, 'hour')} ${unit(minutes % 60, 'minute')}`;
}

/** Day and time of an ISO instant, in the reader's zone. */
export function formatInstant(iso: string, locale: string): string {
  return dateFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/** The day of an ISO instant, in the reader's zone. */
export function formatDay(iso: string, locale: string): string {
  return dateFormat(locale, { dateStyle: 'medium' }).format(new Date(iso));
}

/** Day and time to the second, for a log. */
export function formatSecond(iso: string, locale: string): string {
  return dateFormat(locale, { dateStyle: 'short', timeStyle: 'medium' }).format(new Date(iso));
}

/** The time alone where it is of the same day as `now`, else the day with the time. */
export function formatRecent(iso: string, now: Date, locale: string): string {
  const at = new Date(iso);
  const sameDay = at.toDateString() === now.toDateString();
  const format = sameDay ? { timeStyle: 'short' as const } : { month: 'short' as const, day: 'numeric' as const, hour: '2-digit' as const, minute: '2-digit' as const };
  return dateFormat(locale, format).format(at);
}

/** A tensor's shape: numbers, symbols, and `?` where nothing is known. */
export function formatShape(shape: readonly (number | string | null)[] | null): string {
  if (shape === null) return '?';
  return shape.length === 0 ? 'scalar' : shape.map((dim) => dim ?? '?').join(' × ');
}

export function joined({ value, unit }: Figure): string {
  return unit === '' ? value : `${value}\u00a0${unit}`;
}

function scaled(value: number, units: readonly string[], locale: string): Figure {
  let scaledValue = value;
  let step = 0;
  // 999.5 would be shown as 1,000 of the smaller unit.
  while (Math.abs(scaledValue) >= 999.5 && step < units.length - 1) {
    scaledValue /= 1000;
    step += 1;
  }
  return { value: step === 0 ? formatInteger(scaledValue, locale) : formatSignificant(scaledValue, locale), unit: units[step] ?? '' };
}
