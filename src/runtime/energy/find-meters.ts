/** Looks for every kind of meter on this machine. Best is what sees most: the wall plug, then the whole machine, the board, the processor; graphics cards last. */
import { findBattery } from './battery.ts';
import { findIna } from './ina.ts';
import { modelledMeter, type PowerModel } from './modelled.ts';
import { findNvidia } from './nvidia.ts';
import { findRapl } from './rapl.ts';
import { isMeter, type EnergyMeter, type EnergyScope, type MissingMeter } from './types.ts';
import { findWallMeter } from './wall/wall-meter.ts';

export interface MeterOptions {
  /** Where the system's folders are; default `/`. */
  readonly root?: string;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** Address of an external meter. */
  readonly wallMeter?: string;
  /** Between two samples of the external meter; default 1000. */
  readonly wallEveryMs?: number;
  /** Used where nothing measures. */
  readonly model?: PowerModel;
  /** Name or path of nvidia-smi; null: it is not looked for. */
  readonly nvidiaSmi?: string | null;
}

export interface FoundMeters {
  /** Best first; whoever gets them closes them. */
  readonly meters: readonly EnergyMeter[];
  readonly missing: readonly MissingMeter[];
}

const RANK: Readonly<Record<EnergyScope, number>> = { machine: 0, board: 1, processor: 2, gpu: 4 };

/** Never rejects: what cannot be read is a reason in `missing`. */
export async function findMeters(options: MeterOptions = {}): Promise<FoundMeters> {
  const { root = '/', now = () => performance.now(), nvidiaSmi = 'nvidia-smi' } = options;
  const findings = await Promise.all([
    ...(options.wallMeter === undefined ? [] : [findWallMeter(options.wallMeter, { now, ...(options.wallEveryMs === undefined ? {} : { everyMs: options.wallEveryMs }) })]),
    findRapl(root, now),
    findIna(root, now),
    ...(nvidiaSmi === null ? [] : [findNvidia(nvidiaSmi, now)]),
    findBattery(root, now),
    ...(options.model === undefined ? [] : [modelledMeter(options.model, now)]),
  ]);
  const meters = findings.filter(isMeter);
  return { meters: meters.toSorted((a, b) => rank(a) - rank(b)), missing: findings.filter((finding): finding is MissingMeter => !isMeter(finding)) };
}

/** A meter at the plug goes first, coarse gauges after finer ones, the model before what does not see the processor at all. */
function rank(meter: EnergyMeter): number {
  if (meter.tier === 'metered') return -1;
  if (meter.tier === 'modelled') return 3;
  return meter.source.startsWith('battery') ? 2.5 : RANK[meter.scope];
}

export type BestMeter = { readonly meter: EnergyMeter } | { readonly meter: null; readonly reason: string };

/**
 * The best meter for models that run on the processor, the others closed. A counter of graphics cards alone does not see them.
 * A wall meter that was asked for and does not answer is a reason, not something to be replaced by less.
 */
export async function openBestMeter(options: MeterOptions = {}): Promise<BestMeter> {
  const { meters, missing } = await findMeters(options);
  const best = meters.find(({ scope }) => scope !== 'gpu');
  const wall = missing.find(({ kind }) => kind === 'wall');
  const chosen = wall === undefined ? best : undefined;
  for (const meter of meters) if (meter !== chosen) await meter.close();
  if (chosen !== undefined) return { meter: chosen };
  return { meter: null, reason: wall?.reason ?? whyNone({ meters, missing }) };
}

/** One sentence on why nothing measures the processor here; what could be changed goes first. */
export function whyNone({ meters, missing }: FoundMeters): string {
  const reasons = [...missing.filter(({ fixable }) => fixable), ...missing.filter(({ fixable }) => !fixable)].map(({ reason }) => reason);
  return [...reasons, ...(meters.some(({ scope }) => scope === 'gpu') ? ['the graphics card counts itself only, and models run on the processor'] : [])].join('; ');
}
