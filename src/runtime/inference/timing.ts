/** Latency: runs of two sessions interleaved A B B A, so that drift of the machine's clock and heat meets both alike. */
import type { Tensor } from 'onnxruntime-node';
import type { LatencyComparison, LatencyStats } from '../../base/ports.ts';
import { seededRandom } from '../../base/random.ts';
import type { OpenSession } from './sessions.ts';

const WARM_UP_RUNS = 5;
const BOOTSTRAP_ROUNDS = 1000;
/** Enough pairs: the interval no longer shrinks visibly. */
const MAX_PAIRS = 400;

type Feeds = Readonly<Record<string, Tensor>>;

async function timed(session: OpenSession, feeds: Feeds): Promise<number> {
  const started = performance.now();
  await session.run(feeds);
  return performance.now() - started;
}

/**
 * Interleaves the sessions on the same inputs until `minPairs` pairs are done and more until `maxSeconds` have passed. `ratio` is the
 * median of the before runs over the median of the after runs; its interval is a percentile bootstrap over whole A B B A quartets.
 * @param samples inputs that are used in turn; at least one
 */
export async function compareLatency(
  reference: OpenSession,
  candidate: OpenSession,
  samples: readonly Feeds[],
  options: { readonly minPairs: number; readonly maxSeconds: number; readonly seed: number; readonly onPair: (done: number) => Promise<void> },
): Promise<LatencyComparison> {
  const at = (index: number): Feeds => samples[index % samples.length] as Feeds;
  for (let i = 0; i < WARM_UP_RUNS; i++) {
    await timed(reference, at(i));
    await timed(candidate, at(i));
  }
  const quartets: { readonly before: readonly [number, number]; readonly after: readonly [number, number] }[] = [];
  const started = performance.now();
  const enough = (): boolean => quartets.length * 2 >= options.minPairs && (quartets.length * 2 >= MAX_PAIRS || performance.now() - started > options.maxSeconds * 1000);
  while (!enough()) {
    const feeds = at(quartets.length);
    const a1 = await timed(reference, feeds);
    const b1 = await timed(candidate, feeds);
    const b2 = await timed(candidate, feeds);
    const a2 = await timed(reference, feeds);
    quartets.push({ before: [a1, a2], after: [b1, b2] });
    await options.onPair(quartets.length * 2);
  }
  const before = quartets.flatMap((quartet) => quartet.before);
  const after = quartets.flatMap((quartet) => quartet.after);
  const random = seededRandom(options.seed);
  const ratios: number[] = [];
  for (let round = 0; round < BOOTSTRAP_ROUNDS; round++) {
    const drawn = quartets.map(() => quartets[Math.floor(random() * quartets.length)] as (typeof quartets)[number]);
    ratios.push(quantile(drawn.flatMap((quartet) => quartet.before), 0.5) / quantile(drawn.flatMap((quartet) => quartet.after), 0.5));
  }
  return {
    threads: reference.threads,
    pairs: quartets.length * 2,
    beforeMs: stats(before),
    afterMs: stats(after),
    ratio: quantile(before, 0.5) / quantile(after, 0.5),
    ci95: [quantile(ratios, 0.025), quantile(ratios, 0.975)],
  };
}

/** Times one session alone. */
export async function benchSession(session: OpenSession, samples: readonly Feeds[], seconds: number, onRun: (share: number) => Promise<void>): Promise<{ threads: number; runs: number; ms: LatencyStats }> {
  const at = (index: number): Feeds => samples[index % samples.length] as Feeds;
  for (let i = 0; i < WARM_UP_RUNS; i++) await timed(session, at(i));
  const times: number[] = [];
  const started = performance.now();
  for (let elapsed = 0; times.length < 10 || elapsed < seconds; elapsed = (performance.now() - started) / 1000) {
    times.push(await timed(session, at(times.length)));
    await onRun(Math.min(1, elapsed / seconds));
  }
  return { threads: session.threads, runs: times.length, ms: stats(times) };
}

/** Keeps one session busy for so long, at least once. `busyMs`: time in which it ran. */
export async function workSession(session: OpenSession, samples: readonly Feeds[], seconds: number, onRun: (share: number) => Promise<void>): Promise<{ runs: number; busyMs: number }> {
  const started = performance.now();
  let runs = 0;
  let busyMs = 0;
  for (let elapsed = 0; runs === 0 || elapsed < seconds; elapsed = (performance.now() - started) / 1000) {
    busyMs += await timed(session, samples[runs % samples.length] as Feeds);
    runs++;
    await onRun(Math.min(1, elapsed / seconds));
  }
  return { runs, busyMs };
}

function stats(values: readonly number[]): LatencyStats {
  return { median: quantile(values, 0.5), p95: quantile(values, 0.95) };
}

/** Linear interpolation between order statistics (type 7). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = (sorted.length - 1) * share;
  const low = sorted[Math.floor(position)] ?? 0;
  const high = sorted[Math.ceil(position)] ?? low;
  return low + (high - low) * (position - Math.floor(position));
}
