/**
 * Two kinds of limit. A pace spreads what is sent over time: whoever takes bytes is told how long to wait first, one after the other, so that
 * streams that share it get equal parts. A quota counts what may be asked for in a while; beyond it the answer is no.
 */

export interface Pace {
  /** Books so many bytes. @returns milliseconds until they may be sent */
  book(bytes: number): number;
  /** Takes over another rate; null: no limit. */
  setRate(bytesPerS: number | null): void;
}

/** What may be sent at once after a rest, milliseconds' worth. */
const BURST_MS = 250;

/** @param clock milliseconds, monotonic */
export function createPace(bytesPerS: number | null, clock: () => number): Pace {
  let rate = bytesPerS;
  let free = clock() - BURST_MS;
  return {
    book(bytes) {
      if (rate === null) return 0;
      const now = clock();
      free = Math.max(free, now - BURST_MS) + (bytes / rate) * 1000;
      return Math.max(0, free - now);
    },
    setRate(next) {
      rate = next;
    },
  };
}

export interface Quotas {
  /** Uses one up. @returns 0, or milliseconds until there is one again */
  take(key: string): number;
}

/** Keys that are remembered; beyond it those that were quiet longest are forgotten, which only ever favours them. */
const MAX_KEYS = 10_000;

/**
 * For each key so many at once, and that many again over a minute.
 * @param clock milliseconds, monotonic
 */
export function createQuotas(perMinute: number, clock: () => number): Quotas {
  const left = new Map<string, { amount: number; atMs: number }>();
  return {
    take(key) {
      const now = clock();
      const known = left.get(key);
      const amount = known === undefined ? perMinute : Math.min(perMinute, known.amount + ((now - known.atMs) * perMinute) / 60_000);
      const taken = amount >= 1;
      left.delete(key);
      left.set(key, { amount: taken ? amount - 1 : amount, atMs: now });
      if (left.size > MAX_KEYS) {
        const [oldest] = left.keys();
        if (oldest !== undefined) left.delete(oldest);
      }
      return taken ? 0 : Math.ceil(((1 - amount) * 60_000) / perMinute);
    },
  };
}

/** An address as one asker: an IPv6 network of 64 bits is one, and IPv4 within IPv6 is IPv4. */
export function askerOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = tail === undefined ? first : [...first, ...Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0'), ...last];
  return `${all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
