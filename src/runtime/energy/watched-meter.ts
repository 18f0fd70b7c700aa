/** A meter that must be looked at now and then: before its counter goes round, or for each sample of its power. One look at a time. */
import type { Accumulated } from './arithmetic.ts';
import type { EnergyMeter, EnergyReading } from './types.ts';

export interface WatchedOptions extends Pick<EnergyMeter, 'source' | 'tier' | 'scope' | 'uncertainty' | 'notes'> {
  /** Looks anew, at the latest after so long. */
  readonly everyMs: number;
  readonly now: () => number;
  /** @param watts drawn lately; null: not known yet */
  readonly resolutionJ: (watts: number | null) => number;
  /** One look; `failed`: there is no figure now, and what was used until the next one is not known. */
  readonly sample: () => Promise<Accumulated | { readonly failed: string }>;
  readonly close?: () => Promise<void> | void;
}

export function watchedMeter(options: WatchedOptions): EnergyMeter {
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let closed = false;
  let last: EnergyReading | null = null;
  let watts: number | null = null;

  const look = async (): Promise<EnergyReading> => {
    const found = await options.sample().catch((error: unknown) => ({ failed: error instanceof Error ? error.message : String(error) }));
    const atMs = options.now();
    if ('failed' in found) return { atMs, joules: null, segment: last?.segment ?? 0, reason: found.failed };
    const reading = { atMs, joules: found.joules, segment: found.segment, reason: found.reason };
    if (last?.joules != null && last.segment === reading.segment && atMs - last.atMs >= 100) watts = ((found.joules - last.joules) * 1000) / (atMs - last.atMs);
    last = reading;
    return reading;
  };
  const next = (): Promise<EnergyReading> => {
    waiting++;
    const mine = queue.then(look).finally(() => waiting--);
    queue = mine;
    return mine;
  };
  const timer = setInterval(() => {
    // A slow source is not asked twice at once.
    if (waiting === 0) void next();
  }, options.everyMs);
  timer.unref();

  return {
    source: options.source,
    tier: options.tier,
    scope: options.scope,
    uncertainty: options.uncertainty,
    ratioUncertainty: 0,
    idleW: null,
    notes: options.notes,
    get resolutionJ() {
      return options.resolutionJ(watts);
    },
    read: () => (closed ? Promise.resolve({ atMs: options.now(), joules: null, segment: last?.segment ?? 0, reason: 'the meter has been closed' }) : next()),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      await queue;
      await options.close?.();
    },
  };
}
