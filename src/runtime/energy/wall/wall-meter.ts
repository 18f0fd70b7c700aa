/** An external meter between the machine and the wall: the one source that sees everything. Its address is given; nothing is searched for. */
import { setTimeout as pause } from 'node:timers/promises';
import { createCounterSum } from '../arithmetic.ts';
import { sampledPower } from '../sampled-power.ts';
import type { Finding } from '../types.ts';
import { watchedMeter } from '../watched-meter.ts';
import type { WallFormat } from './formats.ts';
import { openHttpSource } from './http-source.ts';
import { openMqttSource } from './mqtt-source.ts';
import type { WallSource } from './source.ts';

export interface WallOptions {
  readonly now: () => number;
  /** Between two samples; default 1000. */
  readonly everyMs?: number;
}

const EVERY_MS = 1000;
const LOOK_MS = 1000;
/** Above this step a counter is too coarse: at 20 W it moves on every half second. */
const FINE_STEP_J = 10;
const MOST_W = 10_000;
/** Of the makers: Shelly 1 %; plugs with Tasmota are as good as whoever calibrated them. */
const UNCERTAINTY: Readonly<Record<WallFormat, number>> = { shelly1: 0.02, shelly2: 0.02, tasmota: 0.05 };

/** @param address http://, https://, mqtt:// or mqtts://; may hold a user and a password, which are never told */
export async function findWallMeter(address: string, { now, everyMs = EVERY_MS }: WallOptions): Promise<Finding> {
  const url = URL.canParse(address) ? new URL(address) : null;
  const missing = (reason: string): Finding => ({ kind: 'wall', fixable: true, reason: `wall meter: ${reason}` });
  if (url === null || !/^(?:https?|mqtts?):$/u.test(url.protocol)) return missing('its address is not understood; use http://HOST or mqtt://BROKER/TOPIC');
  const source = await (url.protocol.startsWith('http') ? openHttpSource(url) : openMqttSource(url));
  if ('failed' in source) return missing(source.failed);
  const common = { tier: 'metered', scope: 'machine', uncertainty: UNCERTAINTY[source.format], everyMs, now, close: () => source.close() } as const;
  const steps = await watchCounter(source, Math.min(everyMs, LOOK_MS));
  if (steps === null) {
    return sampledPower({
      ...common,
      source: `${source.name}, power integrated`,
      updateMs: 1000,
      notes: ['its counter is too coarse for runs of seconds or minutes, so its power is integrated once a second; a sample that is lost leaves no figure'],
      async watts() {
        const sample = await source.sample();
        return 'failed' in sample ? sample : sample.watts;
      },
    });
  }
  const sum = createCounterSum({ rangeJ: null, mostW: MOST_W, stepJ: steps });
  return watchedMeter({
    ...common,
    source: `${source.name}, energy counter`,
    resolutionJ: (watts) => Math.max(steps, ((watts ?? 10) * everyMs) / 1000),
    notes: ['counts all that the plug gives, the power supply included'],
    async sample() {
      const sample = await source.sample();
      if ('failed' in sample) return sample;
      if (sample.counterJ === null) return { failed: 'its answer has no counter any more' };
      sum.add(now(), sample.counterJ);
      return sum.sum();
    },
  });
}

/** A counter is only used where it is fine and seen to move on at each look. @returns its step in joules; null: too coarse */
async function watchCounter(source: WallSource, pauseMs: number): Promise<number | null> {
  let before: number | null = null;
  let step = 0;
  for (let look = 0; look < 3; look++) {
    if (look > 0) await pause(pauseMs);
    const sample = await source.sample();
    if ('failed' in sample || sample.counterJ === null || sample.counterStepJ > FINE_STEP_J || sample.counterJ === before) return null;
    before = sample.counterJ;
    step = sample.counterStepJ;
  }
  return step;
}
