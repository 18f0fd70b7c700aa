/**
 * What blocks of time tell: how far an estimate would have come out otherwise with other weeks.
 *
 * What drifts slowly is alike from block to block, so blocks are not as many as they seem. How alike is read from all updated stores together (one
 * store has too few blocks to tell) as the correlation of a block with the next, and the variance is that of the mean of a series with
 * such a memory. Taking off the mean makes neighbours in a short series look less alike than they are; that is reckoned back exactly.
 */
import type { SavingsPanel } from './panel.ts';
import { blockOf, type Pair } from './sides.ts';
import { varianceOf, type Stratum } from './statistics.ts';

/** A memory that long leaves nothing to tell apart from a change. */
const MOST_MEMORY = 0.9;
/** Standard errors from 0 from which on a trend is taken for one. */
const SEEN = 2;

export interface BlockStrata {
  readonly before: Stratum;
  readonly after: Stratum;
  /** Each block that counts: when, in blocks, which side, its share of the side's time, and how far its logarithm is off the side's mean. */
  readonly levels: readonly { readonly at: number; readonly updated: boolean; readonly weight: number; readonly level: number }[];
}

/** What each block of time moves the estimate by, devices together. Blocks without a row do not count. */
export function blockInfluence(panel: SavingsPanel, pairs: readonly Pair[], optimizedJ: number, baselineJ: number): BlockStrata {
  const count = panel.blocks.count;
  const before = new Float64Array(count);
  const after = new Float64Array(count);
  const ms = { before: new Float64Array(count), after: new Float64Array(count) };
  for (const pair of pairs) {
    const idleW = pair.before.idleJ / pair.before.ms;
    const each = pair.before.aboveJ / pair.before.inferences;
    for (let block = 0; block < count; block++) {
      const was = blockOf(pair.before, block);
      if (was[0] > 0) {
        ms.before[block] = (ms.before[block] ?? 0) + was[0];
        const moved = (pair.after.ms * (was[2] - idleW * was[0])) / pair.before.ms + (pair.after.inferences * (was[3] - each * was[1])) / pair.before.inferences;
        before[block] = (before[block] ?? 0) - moved / baselineJ;
      }
      const is = blockOf(pair.after, block);
      if (is[0] > 0) {
        ms.after[block] = (ms.after[block] ?? 0) + is[0];
        after[block] = (after[block] ?? 0) + (is[2] + is[3]) / optimizedJ - (idleW * is[0] + each * is[1]) / baselineJ;
      }
    }
  }
  const counts = (side: 'before' | 'after') => (_: number, at: number): boolean => (ms[side][at] ?? 0) > 0;
  const whole = { before: ms.before.reduce((sum, each) => sum + each, 0), after: ms.after.reduce((sum, each) => sum + each, 0) };
  const levels = (['before', 'after'] as const).flatMap((side) =>
    [...ms[side].keys()].flatMap((at) => {
      const weight = (ms[side][at] ?? 0) / whole[side];
      return weight > 0 ? [{ at, updated: side === 'after', weight, level: side === 'after' ? (after[at] ?? 0) / weight : -(before[at] ?? 0) / weight }] : [];
    }),
  );
  return { before: before.filter(counts('before')), after: after.filter(counts('after')), levels };
}

const trends = new WeakMap<SavingsPanel, number>();

/**
 * How far a straight trend over all updated stores, seen on either side by itself, would move the one side from the other: a season, which before and
 * after alone cannot tell from the update. 0 where none is to be seen. It widens the interval and does not move the estimate: trends end.
 */
export function trendOf(panel: SavingsPanel): number {
  const known = trends.get(panel);
  if (known !== undefined) return known;
  const pairs = [...panel.pairs.values()].filter((pair) => pair.leftOut === null);
  const { levels } = blockInfluence(panel, pairs, total(pairs, 'optimizedJ'), total(pairs, 'baselineJ'));
  const centre = (updated: boolean): number => levels.reduce((sum, each) => sum + (each.updated === updated ? each.weight * each.at : 0), 0);
  const [before, after] = [centre(false), centre(true)];
  const off = (each: (typeof levels)[number]): number => each.at - (each.updated ? after : before);
  let [across, along] = [0, 0];
  for (const each of levels) {
    across += each.weight * off(each) * each.level;
    along += each.weight * off(each) ** 2;
  }
  const slope = along > 0 ? across / along : 0;
  const freedom = levels.length - 3;
  const left = levels.reduce((sum, each) => sum + each.weight * (each.level - slope * off(each)) ** 2, 0);
  const seen = freedom > 0 && slope ** 2 * along > SEEN ** 2 * (left / freedom);
  const found = seen ? slope * (after - before) : 0;
  trends.set(panel, found);
  return found;
}

const memories = new WeakMap<SavingsPanel, number>();

/** Correlation of a block with the next, 0 to 0.9, of all updated stores together. */
export function memoryOf(panel: SavingsPanel): number {
  const known = memories.get(panel);
  if (known !== undefined) return known;
  const stores = new Map<number, Pair[]>();
  for (const pair of panel.pairs.values()) {
    if (pair.leftOut !== null) continue;
    const store = panel.query.table.storeOfDevice[pair.device] ?? 0;
    const group = stores.get(store);
    if (group) group.push(pair);
    else stores.set(store, [pair]);
  }
  const series = [...stores.values()].flatMap((pairs) => {
    const { before, after } = blockInfluence(panel, pairs, total(pairs, 'optimizedJ'), total(pairs, 'baselineJ'));
    return [before, after];
  });
  const found = correlation(series);
  memories.set(panel, found);
  return found;
}

const total = (pairs: readonly Pair[], of: 'optimizedJ' | 'baselineJ'): number => pairs.reduce((sum, pair) => sum + pair[of], 0);

/** Of neighbours in series whose mean is 0. */
export function correlation(series: readonly Stratum[]): number {
  let neighbours = 0;
  let pairs = 0;
  let squares = 0;
  let count = 0;
  for (const values of series) {
    for (let at = 0; at < values.length; at++) {
      squares += (values[at] ?? 0) ** 2;
      count++;
      if (at > 0) {
        neighbours += (values[at] ?? 0) * (values[at - 1] ?? 0);
        pairs++;
      }
    }
  }
  if (squares === 0 || pairs === 0) return 0;
  const length = Math.max(2, Math.round(count / series.length));
  const seen = neighbours / pairs / (squares / count);
  let [low, high] = [0, MOST_MEMORY];
  if (seen <= seenCorrelation(low, length)) return low;
  if (seen >= seenCorrelation(high, length)) return high;
  for (let round = 0; round < 20; round++) {
    const middle = (low + high) / 2;
    if (seenCorrelation(middle, length) < seen) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** What neighbours in a series of such a memory look like once its mean is taken off: expectations over all such series. */
function seenCorrelation(memory: number, length: number): number {
  const like = (lag: number): number => memory ** Math.abs(lag);
  const rows = Float64Array.from({ length }, (_, at) => {
    let sum = 0;
    for (let other = 0; other < length; other++) sum += like(at - other);
    return sum / length;
  });
  const all = rows.reduce((sum, each) => sum + each, 0) / length;
  let neighbours = 0;
  let squares = 0;
  for (let at = 0; at < length; at++) {
    squares += 1 - 2 * (rows[at] ?? 0) + all;
    if (at > 0) neighbours += like(1) - (rows[at] ?? 0) - (rows[at - 1] ?? 0) + all;
  }
  return neighbours / (length - 1) / (squares / length);
}

/** By how much the variance of a mean of so many values is more than it would be if they had no memory and their scatter were the same. */
export function varianceFactor(memory: number, length: number): number {
  let ofMean = 1;
  for (let lag = 1; lag < length; lag++) ofMean += 2 * (1 - lag / length) * memory ** lag;
  return (ofMean * (length - 1)) / Math.max(1e-9, length - ofMean);
}

/** Degrees of freedom of the scatter of two series of so many blocks, less where they have a memory. */
export function freedomOf(length: number, factor: number): number {
  return Math.max(4, Math.round((2 * length) / Math.sqrt(factor)) - 2);
}

/**
 * What all stores share: the error as blocks of time show it for all stores together, less what it would be if each store went its own way. Of that, half
 * is taken off: the difference of two rough figures is often 0 where something is shared, and an interval had better be too wide.
 * @returns nothing where there are too few blocks to tell
 */
export function sharedByAll(panel: SavingsPanel, stores: readonly (readonly Pair[])[], optimizedJ: number, baselineJ: number): { readonly sd: number; readonly freedom: number } | undefined {
  const { before, after } = blockInfluence(panel, stores.flat(), optimizedJ, baselineJ);
  const length = (before.length + after.length) / 2;
  if (length < 3) return undefined;
  let own = 0;
  for (const store of stores) {
    const mine = blockInfluence(panel, store, optimizedJ, baselineJ);
    own += varianceOf(mine.before) + varianceOf(mine.after);
  }
  const factor = varianceFactor(correlation([before, after]), length);
  return { sd: Math.sqrt(factor * Math.max(0, varianceOf(before) + varianceOf(after) - own / 2) + trendOf(panel) ** 2), freedom: freedomOf(length, factor) };
}
