/**
 * Figures of many devices as columns: a year of three thousand devices is a million rows, and a view of them must not make a million objects.
 *
 * Rows stand in the order of devices and time, however they came: what is computed from a table does not depend on the order in which it was filled.
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { EnergyTier } from '../../contract/records/telemetry.ts';
import type { Sums } from '../rollup/sums.ts';

export interface StorePlace {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly timeZone: string;
  /** Flat price that it is registered with; null: none. */
  readonly tariffCnyPerKwh: number | null;
}

export interface DevicePlace {
  readonly id: string;
  readonly storeId: string;
  readonly class: string;
  readonly workload: string;
}

/** Where energy figures of a row are from. */
export interface RowEvidence {
  readonly tier: EnergyTier | null;
  readonly source: string;
  readonly simulated: boolean;
}

/** `row`: telemetry as it came. `hour`: an hour of UTC. `day`: a day of the store's clock. */
export type TableSpan = 'row' | 'hour' | 'day';

export const COLUMN_NAMES = [
  'rows', 'durationMs', 'inferences', 'errors', 'busyMs', 'energyMs', 'energyJ', 'energyInferences', 'aboveIdleMs', 'aboveIdleJ', 'aboveIdleInferences',
  'latencyP50Weighted', 'latencyP95Weighted', 'latencyInferences', 'accuracyRight', 'accuracySamples',
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];
/** What a row adds up to: of `Sums` (docs/savings.md) those that money and savings need. */
export type RowFigures = Readonly<Pick<Sums, ColumnName>>;

export interface FigureTable {
  readonly span: TableSpan;
  readonly stores: readonly StorePlace[];
  readonly devices: readonly DevicePlace[];
  /** Of each device, the place of its store in `stores`. */
  readonly storeOfDevice: Uint32Array;
  readonly digests: readonly string[];
  readonly evidences: readonly RowEvidence[];
  readonly count: number;
  /** Rows of device d: from `first[d]` up to, not including, `first[d + 1]`. */
  readonly first: Uint32Array;
  readonly digest: Uint32Array;
  readonly evidence: Uint32Array;
  /** Begin of the row, ms. Of UTC; of a day row by the store's clock, as if that were UTC. */
  readonly atMs: Float64Array;
  readonly columns: Readonly<Record<ColumnName, Float64Array>>;
}

export interface FigureTableBuilder {
  /** @param atMs as in `FigureTable.atMs` @throws EdgewiseError NOT_FOUND for a device that is not of this table */
  add(deviceId: string, atMs: number, digest: string, evidence: RowEvidence, figures: RowFigures): void;
  build(): FigureTable;
}

/** @param capacity rows to expect @throws EdgewiseError NOT_FOUND where a device names a store that is not there */
export function figureTableBuilder(span: TableSpan, stores: readonly StorePlace[], devices: readonly DevicePlace[], capacity = 1024): FigureTableBuilder {
  const storePlaces = new Map(stores.map((store, at) => [store.id, at]));
  const devicePlaces = new Map(devices.map((device, at) => [device.id, at]));
  const storeOfDevice = Uint32Array.from(devices, (device) => storePlaces.get(device.storeId) ?? missing(`store ${device.storeId} of device ${device.id}`));
  const digests = new Words<string>((digest) => digest);
  const evidences = new Words<RowEvidence>((each) => `${each.tier ?? ''} ${each.simulated} ${each.source}`);
  let room = Math.max(16, capacity);
  let count = 0;
  const numbers = Object.fromEntries(COLUMN_NAMES.map((name) => [name, new Float64Array(room)])) as Record<ColumnName, Float64Array>;
  let device = new Uint32Array(room);
  let digest = new Uint32Array(room);
  let evidence = new Uint32Array(room);
  let atMs = new Float64Array(room);
  const grow = (): void => {
    room *= 2;
    for (const name of COLUMN_NAMES) numbers[name] = grown(numbers[name], new Float64Array(room));
    device = grown(device, new Uint32Array(room));
    digest = grown(digest, new Uint32Array(room));
    evidence = grown(evidence, new Uint32Array(room));
    atMs = grown(atMs, new Float64Array(room));
  };
  return {
    add(deviceId, at, digestText, rowEvidence, figures) {
      if (count === room) grow();
      device[count] = devicePlaces.get(deviceId) ?? missing(`device ${deviceId}`);
      digest[count] = digests.place(digestText);
      evidence[count] = evidences.place(rowEvidence);
      atMs[count] = at;
      for (const name of COLUMN_NAMES) numbers[name][count] = figures[name];
      count++;
    },
    build() {
      const order = orderOf(count, device, atMs, (at) => `${digests.list[digest[at] ?? 0]} ${evidences.keyAt(evidence[at] ?? 0)}`);
      const taken = <A extends Float64Array | Uint32Array>(from: A, to: A): A => {
        for (let at = 0; at < count; at++) to[at] = from[order === null ? at : (order[at] ?? 0)] ?? 0;
        return to;
      };
      const first = new Uint32Array(devices.length + 1);
      for (let at = 0; at < count; at++) first[(device[at] ?? 0) + 1] = (first[(device[at] ?? 0) + 1] ?? 0) + 1;
      for (let at = 1; at <= devices.length; at++) first[at] = (first[at] ?? 0) + (first[at - 1] ?? 0);
      return {
        span, stores, devices, storeOfDevice, digests: digests.list, evidences: evidences.list, count, first,
        digest: taken(digest, new Uint32Array(count)),
        evidence: taken(evidence, new Uint32Array(count)),
        atMs: taken(atMs, new Float64Array(count)),
        columns: Object.fromEntries(COLUMN_NAMES.map((name) => [name, taken(numbers[name], new Float64Array(count))])) as Record<ColumnName, Float64Array>,
      };
    },
  };
}

/** null: they stand in order. @param word what parts rows of a device and a moment */
function orderOf(count: number, device: Uint32Array, atMs: Float64Array, word: (at: number) => string): Uint32Array | null {
  const compare = (a: number, b: number): number => {
    const apart = (device[a] ?? 0) - (device[b] ?? 0) || (atMs[a] ?? 0) - (atMs[b] ?? 0);
    if (apart !== 0 || a === b) return apart;
    const [ofA, ofB] = [word(a), word(b)];
    return ofA === ofB ? 0 : ofA < ofB ? -1 : 1;
  };
  let sorted = true;
  for (let at = 1; at < count && sorted; at++) sorted = compare(at - 1, at) <= 0;
  return sorted ? null : Uint32Array.from({ length: count }, (_, at) => at).sort(compare);
}

class Words<Word> {
  readonly list: Word[] = [];
  readonly #keys: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #key: (word: Word) => string;
  #lastWord: Word | undefined;
  #lastPlace = 0;

  constructor(key: (word: Word) => string) {
    this.#key = key;
  }

  place(word: Word): number {
    if (word === this.#lastWord) return this.#lastPlace;
    const key = this.#key(word);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.list.push(word) - 1;
      this.#keys.push(key);
      this.#places.set(key, place);
    }
    this.#lastWord = word;
    this.#lastPlace = place;
    return place;
  }

  keyAt(place: number): string {
    return this.#keys[place] ?? '';
  }
}

function grown<A extends Float64Array | Uint32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

function missing(what: string): never {
  throw new EdgewiseError('NOT_FOUND', `Figures of ${what}, which is not in the fleet.`, { hint: 'Give all stores and devices that figures are of.' });
}
