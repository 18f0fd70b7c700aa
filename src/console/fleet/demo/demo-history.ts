/**
 * What the demo's devices would have measured in the weeks before it was started, so that there is a before and an after to look at: a model that
 * most shops changed for a faster one three weeks ago, and that the others kept. Made up like everything of the demo, and labelled `simulated`.
 */
import { createHash } from 'node:crypto';
import { localHour, localDay } from '../../../base/local-time.ts';
import { seededRandom } from '../../../base/random.ts';
import type { StoreRecord } from '../../../contract/records/fleet.ts';
import type { TelemetryRow } from '../../../contract/records/telemetry.ts';
import { simulatedFigures } from '../../../fleet/agent/simulate/figures.ts';
import type { PlacedRow } from '../../store/telemetry-rollups.ts';
import type { DemoDevice } from './demo-chain.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const digestOf = (name: string): string => createHash('sha256').update(`edgewise ${name}`).digest('hex');

/** Models of the demo's past, by the digest that its rows carry. */
export const DEMO_MODELS = {
  before: { digest: digestOf('demo-before'), name: 'demo float model' },
  after: { digest: digestOf('demo-after'), name: 'demo int8 model' },
} as const;

/** How the later model behaves beside the first. */
const AFTER = { artifact: 'demo', latencyFactor: 0.56, accuracy: 0.898, powerFactor: 0.97 };
const BEFORE = { artifact: 'demo', accuracy: 0.902 };
const MODEL_BYTES = 2 ** 20;
/** Pictures a second at full hours: what the cameras of a shop give to one device. */
const FRAMES_PER_S: Readonly<Record<string, number>> = { 'edge-box': 45, 'smart-camera': 15, gateway: 25 };
/** Shops that kept the first model. */
const HELD_BACK = 0.3;
/** Before the end of the history. */
const CHANGED_MS = 21 * DAY_MS;
/** Accuracy is measured this often. */
const CHECK_EVERY = 6;
const CHECK_SAMPLES = 200;
const DRAWS = 24;

/** Hours of one device. @param untilMs end of the history @param days how far back it reaches */
export function demoHistory(device: DemoDevice, shop: StoreRecord, untilMs: number, days: number, seed: number): PlacedRow[] {
  const random = seededRandom(number(device.id) ^ seed);
  const figures = simulatedFigures(device.class, shop.longitude ?? 0, random);
  const ofShop = seededRandom(number(shop.id) ^ seed);
  const crowd = 0.8 + 0.4 * ofShop();
  const keeps = ofShop() < HELD_BACK;
  // Waves over three nights.
  const changedAt = untilMs - CHANGED_MS + Math.floor(3 * ofShop()) * DAY_MS;
  const lastHour = Math.floor(untilMs / HOUR_MS);
  const rows: PlacedRow[] = [];
  let mood = 0;
  for (let hour = lastHour - days * 24; hour < lastHour; hour++) {
    const atMs = hour * HOUR_MS;
    mood = 0.85 * mood + 0.12 * (random() + random() + random() - 1.5);
    // A line is down now and then, and what it would have told is lost.
    if (random() < 0.004) continue;
    const after = !keeps && atMs >= changedAt;
    const effect = after ? AFTER : BEFORE;
    const latencies = Array.from({ length: DRAWS }, () => figures.latencyMs(MODEL_BYTES, effect)).sort((a, b) => a - b);
    const meanMs = latencies.reduce((sum, each) => sum + each, 0) / DRAWS;
    const framesPerS = (FRAMES_PER_S[device.class] ?? 15) * crowd * customers(localHour(shop.timeZone, atMs), weekday(localDay(shop.timeZone, atMs))) * Math.exp(mood);
    const busyShare = Math.min(0.97, (framesPerS * meanMs) / 1000);
    const inferences = Math.round((busyShare * HOUR_MS) / meanMs);
    const aboveIdleJ = (figures.busyW(effect) * busyShare * HOUR_MS) / 1000;
    const samples = hour % CHECK_EVERY === 0 ? CHECK_SAMPLES : 0;
    const row: TelemetryRow = {
      fromMs: atMs, durationMs: HOUR_MS, digest: after ? DEMO_MODELS.after.digest : DEMO_MODELS.before.digest, inferences, errors: 0,
      latencyP50Ms: latencies[DRAWS / 2] ?? meanMs, latencyP95Ms: latencies[DRAWS - 2] ?? meanMs, throughputPerS: inferences / 3600, busyShare, cpuShare: null,
      temperatureC: figures.temperatureC(atMs, busyShare, effect),
      energy: { totalJ: (figures.idleW * HOUR_MS) / 1000 + aboveIdleJ, aboveIdleJ, tier: 'modelled', source: 'simulated' },
      accuracy: samples === 0 ? null : { value: rightOf(effect.accuracy, samples, random) / samples, samples },
    };
    rows.push({ atMs, row });
  }
  return rows;
}

/** Share of the fullest hour, by the clock of the shop. @param day 1 is Monday */
function customers(hour: number, day: number): number {
  if (hour < 8 || hour >= 23) return 0.12;
  const noon = Math.exp(-((hour - 12.5) ** 2) / 8);
  const evening = Math.exp(-((hour - 18.5) ** 2) / 6);
  return Math.min(1, 0.35 + 0.4 * noon + 0.6 * evening) * (day >= 6 ? 1 : 0.85);
}

function weekday(day: number): number {
  return ((day + 3) % 7) + 1;
}

function rightOf(share: number, samples: number, random: () => number): number {
  let right = 0;
  for (let at = 0; at < samples; at++) if (random() < share) right++;
  return right;
}

function number(text: string): number {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return hash >>> 0;
}
