/**
 * A device before and after, made comparable.
 *
 * Equal work. Energy is what the device draws while nothing is computed, and what an inference takes on top:
 *
 *     baselineJ = idleW_before * T_after + (J above idle / inferences)_before * N_after        optimizedJ = J_after
 *
 * so both are of the hours and the inferences after the update, and a shop with more customers than before saves nothing by it and loses nothing. Where a
 * meter has no figure above idle, all energy goes by inferences, which holds only as long as there is about as much work.
 *
 * The same hours. Rows before are weighted so that each hour of the week counts as much as it does after. Hours that one side does not have are left out
 * of both; where too few meet, hours of the day must do, and then all hours.
 *
 * Rows of one meter only: figures of different evidence are never compared.
 */
import type { LeftOutReason } from '../../contract/records/savings.ts';
import type { FigureTable } from '../table/figure-table.ts';
import { lowerBound, slotsOf } from '../table/rows.ts';

const HOUR_MS = 3_600_000;
/** At a finer grain of hours, so much of the time after must have its like before. */
const MATCHED_SHARE = 0.8;
/** An hour of the week with so much less time before than the others would carry all the noise. */
const MOST_WEIGHT = 10;
/** Without a figure above idle, work may differ so much. */
const WORK_RATIO = 1.5;

/** Numbers kept for each block of time: hours, inferences, joules at idle, joules above. */
const FIELDS = 4;

export interface Side {
  ms: number;
  inferences: number;
  idleJ: number;
  aboveJ: number;
  /** Blocks of time one after the other, each with `FIELDS` numbers; weighted as the sums are. */
  readonly blocks: Float64Array;
  rows: number;
  /** As they were measured, weighted by nothing. */
  plainMs: number;
  plainInferences: number;
  busyMs: number;
  durationMs: number;
  accuracyRight: number;
  accuracySamples: number;
  latencyWeighted: number;
  latencyInferences: number;
  fromMs: number;
  toMs: number;
}

export interface Pair {
  readonly device: number;
  readonly before: Side;
  readonly after: Side;
  /** True: energy above idle is known apart. */
  readonly split: boolean;
  /** Place in `evidences`. */
  readonly evidence: number;
  readonly leftOut: LeftOutReason | null;
  /** After the update, at its work. */
  readonly baselineJ: number;
  readonly optimizedJ: number;
}

export interface Window {
  readonly beforeFromMs: number;
  readonly beforeToMs: number;
  readonly afterFromMs: number;
  readonly afterToMs: number;
  /** Places in `digests`; -1: any. */
  readonly beforeDigest: number;
  readonly afterDigest: number;
}

/** Stretches of time one after the other, the same for all devices. */
export interface Blocks {
  readonly originMs: number;
  readonly lengthMs: number;
  readonly count: number;
}

/** For devices of which no single stretch is looked at. */
export const NO_BLOCKS: Blocks = { originMs: 0, lengthMs: 1, count: 0 };

export interface PairLimits {
  readonly minHours: number;
  readonly accuracyMargin: number;
}

/** Both sides of one device. */
export function pairOf(table: FigureTable, device: number, window: Window, blocks: Blocks, limits: PairLimits): Pair {
  const slots = slotsOf(table);
  const rows = rowsOf(table, device, window);
  const evidence = commonEvidence(table, rows);
  const before = emptySide(blocks.count);
  const after = emptySide(blocks.count);
  addAll(table, rows.before, before);
  addAll(table, rows.after, after);
  const none = (leftOut: LeftOutReason): Pair => ({ device, before, after, split: false, evidence: Math.max(0, evidence), leftOut, baselineJ: 0, optimizedJ: 0 });
  if (evidence === -1) return none(anyEnergy(table, rows.before) && anyEnergy(table, rows.after) ? 'evidence_changed' : 'no_energy');
  const mine = { before: ofEvidence(table, rows.before, evidence), after: ofEvidence(table, rows.after, evidence) };
  const split = allAboveIdle(table, mine.before) && allAboveIdle(table, mine.after);
  const weight = weights(table, slots, mine.before, mine.after);
  addMatched(table, slots, mine.before, before, weight, split, blocks, true);
  addMatched(table, slots, mine.after, after, weight, split, blocks, false);
  if (before.plainMs < limits.minHours * HOUR_MS) return none('too_short_before');
  if (after.plainMs < limits.minHours * HOUR_MS) return none('too_short_after');
  if (before.inferences === 0 || after.inferences === 0) return none('no_work');
  if (!split) {
    const work = (after.inferences / after.ms) * (before.ms / before.inferences);
    if (work > WORK_RATIO || work < 1 / WORK_RATIO) return none('work_differs');
  }
  const baselineJ = (before.idleJ / before.ms) * after.ms + (before.aboveJ / before.inferences) * after.inferences;
  const optimizedJ = after.idleJ + after.aboveJ;
  if (!(baselineJ > 0) || !(optimizedJ > 0)) return none('no_energy');
  return { device, before, after, split, evidence, leftOut: accuracyWorse(before, after, limits.accuracyMargin) ? 'accuracy_worse' : null, baselineJ, optimizedJ };
}

/** Surely worse by more than the margin: the whole interval of the difference is beyond it. */
function accuracyWorse(before: Side, after: Side, margin: number): boolean {
  if (before.accuracySamples === 0 || after.accuracySamples === 0) return false;
  const was = before.accuracyRight / before.accuracySamples;
  const is = after.accuracyRight / after.accuracySamples;
  const se = Math.sqrt((was * (1 - was)) / before.accuracySamples + (is * (1 - is)) / after.accuracySamples);
  return was - is - 1.96 * se > margin;
}

export interface Rows {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Places of the rows in the windows, in order of time, whatever meter they are of. */
export function rowsOf(table: FigureTable, device: number, window: Window): Rows {
  const end = table.first[device + 1] ?? 0;
  const before: number[] = [];
  const after: number[] = [];
  for (let at = lowerBound(table, device, window.beforeFromMs); at < end; at++) {
    const atMs = table.atMs[at] ?? 0;
    if (atMs >= window.afterToMs) break;
    const digest = table.digest[at];
    if (atMs < window.beforeToMs) {
      if (window.beforeDigest === -1 || digest === window.beforeDigest) before.push(at);
    } else if (atMs >= window.afterFromMs && (window.afterDigest === -1 || digest === window.afterDigest)) after.push(at);
  }
  return { before, after };
}

/** The meter with most time on its shorter side. -1: none that was there on both. */
function commonEvidence(table: FigureTable, { before, after }: Rows): number {
  const time = (rows: readonly number[]): Map<number, number> => {
    const found = new Map<number, number>();
    for (const at of rows) {
      const ms = table.columns.energyMs[at] ?? 0;
      if (ms > 0) found.set(table.evidence[at] ?? 0, (found.get(table.evidence[at] ?? 0) ?? 0) + ms);
    }
    return found;
  };
  const ofAfter = time(after);
  let best = -1;
  let most = 0;
  for (const [evidence, ms] of time(before)) {
    const both = Math.min(ms, ofAfter.get(evidence) ?? 0);
    if (both > most) [best, most] = [evidence, both];
  }
  return best;
}

const anyEnergy = (table: FigureTable, rows: readonly number[]): boolean => rows.some((at) => (table.columns.energyMs[at] ?? 0) > 0);

const ofEvidence = (table: FigureTable, rows: readonly number[], evidence: number): readonly number[] =>
  rows.filter((at) => table.evidence[at] === evidence && (table.columns.energyMs[at] ?? 0) > 0);

const allAboveIdle = (table: FigureTable, rows: readonly number[]): boolean => rows.every((at) => (table.columns.aboveIdleMs[at] ?? 0) >= 0.999 * (table.columns.energyMs[at] ?? 0));

interface Weights {
  readonly of: Float64Array;
  /** Turns an hour of the week into a place in `of`. */
  readonly place: (slot: number) => number;
}

interface Grain {
  readonly size: number;
  readonly place: (slot: number) => number;
}

const ALL: Grain = { size: 1, place: () => 0 };
const GRAINS: readonly Grain[] = [{ size: 168, place: (slot) => slot }, { size: 24, place: (slot) => slot % 24 }, ALL];
const DAY_GRAINS: readonly Grain[] = [{ size: 7, place: (slot) => Math.floor(slot / 24) }, ALL];

/** How much a row before counts; 0 where the other side has no such hour. */
function weights(table: FigureTable, slots: Uint8Array, before: readonly number[], after: readonly number[]): Weights {
  for (const { size, place } of table.span === 'day' ? DAY_GRAINS : GRAINS) {
    const ofBefore = new Float64Array(size);
    const ofAfter = new Float64Array(size);
    let msBefore = 0;
    let msAfter = 0;
    for (const at of before) {
      const ms = table.columns.energyMs[at] ?? 0;
      const where = place(slots[at] ?? 0);
      ofBefore[where] = (ofBefore[where] ?? 0) + ms;
      msBefore += ms;
    }
    for (const at of after) {
      const ms = table.columns.energyMs[at] ?? 0;
      const where = place(slots[at] ?? 0);
      ofAfter[where] = (ofAfter[where] ?? 0) + ms;
      msAfter += ms;
    }
    let matched = 0;
    const of = ofAfter.map((ms, where) => {
      const was = ofBefore[where] ?? 0;
      const weight = was > 0 ? ms / was : 0;
      if (weight > MOST_WEIGHT * (msAfter / msBefore)) return 0;
      if (weight > 0) matched += ms;
      return weight;
    });
    if (matched >= MATCHED_SHARE * msAfter || size === 1) return { of, place };
  }
  return { of: new Float64Array(1), place: () => 0 };
}

function addMatched(table: FigureTable, slots: Uint8Array, rows: readonly number[], side: Side, { of, place }: Weights, split: boolean, blocks: Blocks, weighted: boolean): void {
  const { energyMs, energyJ, energyInferences, aboveIdleJ } = table.columns;
  for (const at of rows) {
    const weight = of[place(slots[at] ?? 0)] ?? 0;
    if (weight === 0) continue;
    const factor = weighted ? weight : 1;
    const ms = (energyMs[at] ?? 0) * factor;
    const inferences = (energyInferences[at] ?? 0) * factor;
    const total = (energyJ[at] ?? 0) * factor;
    const above = split ? (aboveIdleJ[at] ?? 0) * factor : total;
    const atMs = table.atMs[at] ?? 0;
    side.ms += ms;
    side.inferences += inferences;
    side.idleJ += total - above;
    side.aboveJ += above;
    side.plainMs += energyMs[at] ?? 0;
    side.plainInferences += energyInferences[at] ?? 0;
    side.rows += table.columns.rows[at] ?? 0;
    side.fromMs = Math.min(side.fromMs, atMs);
    side.toMs = Math.max(side.toMs, atMs);
    if (blocks.count === 0) continue;
    const block = Math.min(blocks.count - 1, Math.max(0, Math.floor((atMs - blocks.originMs) / blocks.lengthMs))) * FIELDS;
    side.blocks[block] = (side.blocks[block] ?? 0) + ms;
    side.blocks[block + 1] = (side.blocks[block + 1] ?? 0) + inferences;
    side.blocks[block + 2] = (side.blocks[block + 2] ?? 0) + total - above;
    side.blocks[block + 3] = (side.blocks[block + 3] ?? 0) + above;
  }
}

/** What does not hang on a meter: of all rows of the side. */
function addAll(table: FigureTable, rows: readonly number[], side: Side): void {
  const { busyMs, durationMs, accuracyRight, accuracySamples, latencyP95Weighted, latencyInferences } = table.columns;
  for (const at of rows) {
    side.busyMs += busyMs[at] ?? 0;
    side.durationMs += durationMs[at] ?? 0;
    side.accuracyRight += accuracyRight[at] ?? 0;
    side.accuracySamples += accuracySamples[at] ?? 0;
    side.latencyWeighted += latencyP95Weighted[at] ?? 0;
    side.latencyInferences += latencyInferences[at] ?? 0;
  }
}

function emptySide(blocks: number): Side {
  return {
    ms: 0, inferences: 0, idleJ: 0, aboveJ: 0, blocks: new Float64Array(blocks * FIELDS), rows: 0, plainMs: 0, plainInferences: 0, busyMs: 0, durationMs: 0, accuracyRight: 0, accuracySamples: 0,
    latencyWeighted: 0, latencyInferences: 0, fromMs: Infinity, toMs: -Infinity,
  };
}

/** Numbers of a block: ms, inferences, joules at idle, joules above. */
export function blockOf(side: Side, block: number): readonly [ms: number, inferences: number, idleJ: number, aboveJ: number] {
  const { blocks } = side;
  const at = block * FIELDS;
  return [blocks[at] ?? 0, blocks[at + 1] ?? 0, blocks[at + 2] ?? 0, blocks[at + 3] ?? 0];
}
