/**
 * Figures of stores that never were, with a known truth: what the statistics are held against. Hour by hour, by the laws that docs/savings.md states.
 *
 * Nothing here knows how a saving is computed. The same noise is laid under both worlds, with the update and without, so the truth is exact.
 */
import { seededRandom } from '../../base/random.ts';
import { figureTableBuilder, type FigureTable, type RowFigures } from '../table/figure-table.ts';
import type { Update } from '../types.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** A Monday. */
export const SIMULATED_FROM_MS = Date.UTC(2026, 2, 2);

/** All in parts of the mean, standard deviations where not said otherwise. */
export interface NoiseModel {
  /** Customers: between stores, from day to day in a store (holds for `daysOfWork`), from hour to hour. */
  readonly storeSize: number;
  readonly dayWork: number;
  readonly hourWork: number;
  /** Power: of a device from hour to hour, with this correlation between hours that follow each other. */
  readonly hourPower: number;
  readonly hourMemory: number;
  /** Slow drift of power (dust, a fan, a warm corner), of a device and of its store, with the days after which half is forgotten. */
  readonly deviceDrift: number;
  readonly storeDrift: number;
  readonly driftDays: number;
  /** The same for all stores: weather that comes and goes, and a season, as a trend in 30 days. */
  readonly commonDrift: number;
  readonly commonDays: number;
  readonly trendPer30Days: number;
  /** Chance of an hour in which something else runs, and its power over the device's own: Pareto with exponent 2.5 from this least size on. */
  readonly burstChance: number;
  readonly burstSize: number;
  /** Of the power that a device tells, fixed for its life. */
  readonly meterBias: number;
  /** Chance that a device goes silent in an hour, and hours of silence on average. */
  readonly lossChance: number;
  readonly lossHours: number;
}

export interface SimulatedChain {
  readonly stores: number;
  /** From one to so many in a store, evenly. */
  readonly maxDevices: number;
  /** Share of the stores where nothing is updated. */
  readonly heldBack: number;
  readonly daysBefore: number;
  readonly daysAfter: number;
  /** Updates fall on the first so many days after `daysBefore`. */
  readonly staggerDays: number;
  /** Of the energy of an updated device at its work, 0 for a placebo. */
  readonly saving: number;
  readonly noise: NoiseModel;
  readonly span: 'hour' | 'day';
  readonly seed: number;
}

export interface SimulatedFigures {
  readonly table: FigureTable;
  readonly updates: readonly Update[];
  readonly fromMs: number;
  readonly toMs: number;
  /** 1 - energy / energy without the update, of updated devices from their update on. */
  readonly truth: number;
  readonly withUpdateJ: number;
  readonly withoutJ: number;
}

const EVIDENCE = { tier: 'counter', source: 'simulated', simulated: true } as const;
const IDLE_W = 8;
const ACTIVE_W = 14;
/** Of the time, at the busiest hour of a store of middle size. */
const BUSY = 0.55;
const LATENCY_MS = 8;
/** By hour: closed at night with cameras that still watch, two peaks in the day. */
const DAY = [0.08, 0.05, 0.05, 0.05, 0.06, 0.1, 0.25, 0.5, 0.7, 0.75, 0.8, 0.95, 1, 0.9, 0.75, 0.7, 0.75, 0.9, 1, 0.95, 0.75, 0.5, 0.3, 0.15];
const WEEK = [0.9, 0.88, 0.9, 0.95, 1.05, 1.2, 1.12];
const MEAN_WORK = (DAY.reduce((sum, each) => sum + each, 0) / 24) * BUSY;

export function simulateFigures(chain: SimulatedChain): SimulatedFigures {
  const { noise, span } = chain;
  const random = seededRandom(chain.seed);
  const normal = normals(random);
  const hours = (chain.daysBefore + chain.daysAfter) * 24;
  const common = drift(normal, hours, noise.commonDrift, noise.commonDays * 24);
  for (let hour = 0; hour < hours; hour++) common[hour] = (common[hour] ?? 0) + (noise.trendPer30Days * hour) / 720;
  const stores = Array.from({ length: chain.stores }, (_, at) => ({ id: `s${at}`, name: `Store ${at}`, region: `r${at % 4}`, timeZone: 'UTC', tariffCnyPerKwh: null }));
  const devices = stores.flatMap((store) => Array.from({ length: 1 + Math.floor(random() * chain.maxDevices) }, (_, at) => ({ id: `${store.id}-d${at}`, storeId: store.id, class: 'edge-box', workload: 'customer-flow' })));
  const builder = figureTableBuilder(span, stores, devices, devices.length * (span === 'hour' ? hours : hours / 24 + 1));
  const updates: Update[] = [];
  const held = Math.round(chain.heldBack * chain.stores);
  let withUpdate = 0;
  let without = 0;
  let next = 0;
  for (const [place, store] of stores.entries()) {
    const size = Math.exp(noise.storeSize * normal());
    const work = drift(normal, hours, noise.dayWork, 36);
    const warm = drift(normal, hours, noise.storeDrift, noise.driftDays * 24);
    const updatedAt = place < held ? Infinity : chain.daysBefore * 24 + Math.floor(random() * Math.max(1, chain.staggerDays)) * 24 + (chain.staggerDays > 0 ? 2 : 0);
    for (let device = devices[next]; device?.storeId === store.id; device = devices[++next]) {
      const own = Math.exp(0.06 * normal());
      const bias = 1 + noise.meterBias * normal();
      const dust = drift(normal, hours, noise.deviceDrift, noise.driftDays * 24);
      // The new model takes so much less while it computes that the device's energy is less by `saving` at middling work.
      const active = 1 - (chain.saving * (IDLE_W + ACTIVE_W * MEAN_WORK)) / (ACTIVE_W * MEAN_WORK);
      let memory = normal();
      let silent = 0;
      let sums = nothing();
      const tell = (hour: number, digest: string): void => {
        if (sums.rows > 0) builder.add(device.id, SIMULATED_FROM_MS + hour * HOUR_MS, digest, EVIDENCE, sums);
        sums = nothing();
      };
      for (let hour = 0; hour < hours; hour++) {
        memory = noise.hourMemory * memory + Math.sqrt(1 - noise.hourMemory ** 2) * normal();
        const customers = size * (DAY[hour % 24] ?? 0) * (WEEK[Math.floor(hour / 24) % 7] ?? 1) * Math.exp((work[hour] ?? 0) + noise.hourWork * normal());
        const busy = Math.min(0.97, BUSY * own * customers);
        const slow = 1 + (common[hour] ?? 0) + (warm[hour] ?? 0) + (dust[hour] ?? 0);
        const burst = random() < noise.burstChance ? noise.burstSize * (1 - random()) ** (-1 / 2.5) : 0;
        const factor = bias * slow * Math.exp(noise.hourPower * memory) * (1 + burst);
        const updated = hour >= updatedAt;
        const oldJ = 3600 * factor * (IDLE_W + ACTIVE_W * busy);
        const newJ = 3600 * factor * (IDLE_W + ACTIVE_W * busy * active);
        if (silent > 0) silent--;
        else if (random() < noise.lossChance) silent = Math.ceil(-Math.log(1 - random()) * noise.lossHours);
        if (span === 'day' && hour === updatedAt) tell(Math.floor(hour / 24) * 24, 'a');
        if (silent === 0) {
          const totalJ = updated ? newJ : oldJ;
          const inferences = Math.round((busy * HOUR_MS) / (LATENCY_MS * own));
          addHour(sums, inferences, totalJ, totalJ - IDLE_W * 3600, busy * (updated ? active : 1));
          if (updated) {
            withUpdate += newJ;
            without += oldJ;
          }
        }
        if (span === 'hour') tell(hour, updated ? 'b' : 'a');
        else if (hour % 24 === 23) tell(hour - 23, updated ? 'b' : 'a');
      }
      if (updatedAt < Infinity) updates.push({ deviceId: device.id, atMs: SIMULATED_FROM_MS + updatedAt * HOUR_MS, fromDigest: 'a', toDigest: 'b', rolloutId: 'rollout' });
    }
  }
  return {
    table: builder.build(),
    updates,
    fromMs: SIMULATED_FROM_MS + (chain.daysBefore + Math.max(0, chain.staggerDays - 1)) * DAY_MS,
    toMs: SIMULATED_FROM_MS + (chain.daysBefore + chain.daysAfter) * DAY_MS,
    truth: without > 0 ? 1 - withUpdate / without : 0,
    withUpdateJ: withUpdate,
    withoutJ: without,
  };
}

type Mutable = { -readonly [Name in keyof RowFigures]: number };

function nothing(): Mutable {
  return {
    rows: 0, durationMs: 0, inferences: 0, errors: 0, busyMs: 0, energyMs: 0, energyJ: 0, energyInferences: 0, aboveIdleMs: 0, aboveIdleJ: 0, aboveIdleInferences: 0,
    latencyP50Weighted: 0, latencyP95Weighted: 0, latencyInferences: 0, accuracyRight: 0, accuracySamples: 0,
  };
}

function addHour(sums: Mutable, inferences: number, totalJ: number, aboveJ: number, busyShare: number): void {
  sums.rows += 60;
  sums.durationMs += HOUR_MS;
  sums.inferences += inferences;
  sums.busyMs += busyShare * HOUR_MS;
  sums.energyMs += HOUR_MS;
  sums.energyJ += totalJ;
  sums.energyInferences += inferences;
  sums.aboveIdleMs += HOUR_MS;
  sums.aboveIdleJ += aboveJ;
  sums.aboveIdleInferences += inferences;
  sums.latencyP50Weighted += LATENCY_MS * inferences;
  sums.latencyP95Weighted += 1.3 * LATENCY_MS * inferences;
  sums.latencyInferences += inferences;
}

/** Hour by hour, normal, with a memory of which half is gone after so many hours (Ornstein and Uhlenbeck). */
function drift(normal: () => number, hours: number, sd: number, halfHours: number): Float64Array {
  const found = new Float64Array(hours);
  if (sd === 0) return found;
  const keep = 0.5 ** (1 / halfHours);
  const fresh = Math.sqrt(1 - keep * keep);
  let value = normal();
  for (let hour = 0; hour < hours; hour++) {
    found[hour] = sd * value;
    value = keep * value + fresh * normal();
  }
  return found;
}

/** Normal numbers, two from each pair (Marsaglia). */
function normals(random: () => number): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const [x, y] = [2 * random() - 1, 2 * random() - 1];
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      spare = y * scale;
      return x * scale;
    }
  };
}
