/**
 * One pass over the samples in two parts, at the same time where the machine has room for two runtimes: a network leaves a core idle between
 * its operators, and what is made of its values runs on one. The parts are the same everywhere, so that the result is too.
 *
 * A part goes on where it was interrupted: after a crash of the runtime's child from what was learnt last, and after the end of the whole
 * program from what was kept of it under a key that model, data and options make.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import type { Checkpoints, InferenceRunner, InferenceSession, SampleSource } from '../../base/ports.ts';
import type { ProgressUpdate, ReportProgress } from '../../base/progress.ts';
import type { NamedFile } from '../onnx/save-model.ts';
import { sampleCount } from './sample-split.ts';

export interface ResumableRun {
  readonly runner: InferenceRunner;
  /** Of the file that runs. */
  readonly modelBytes: number;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  readonly checkpoints?: Checkpoints | undefined;
  /** Milliseconds between two states; the runner's own where absent. */
  readonly stateMs?: number | undefined;
  /** The model that runs, for the key. */
  readonly files: () => readonly NamedFile[];
  readonly open: (runner: InferenceRunner, threads?: number) => Promise<InferenceSession>;
  /** Its options take an `initial` state, as `state` describes it. */
  readonly reducer: { readonly name: string; readonly options: Readonly<Record<string, unknown>> };
  readonly state: z.ZodType;
  readonly outputs: readonly string[];
}

/** Goes up with every change of what a state means. */
const VERSION = 3;
/** Fewer samples are not worth a second child. */
const FEW_SAMPLES = 8;

/** Samples from `from` up to the end of `source`. */
interface Part {
  readonly source: SampleSource;
  readonly from: number;
}

/** What is known of a part: `samples` counts those before it as well. */
interface Kept {
  readonly state?: unknown;
  readonly samples: number;
}

/**
 * @returns what the reducer gave for each part, in their order
 * @throws whatever the runner throws; RUNTIME_CRASHED at the second crash, or at the first one where no sample was done
 */
export async function reduceResumably(run: ResumableRun): Promise<readonly unknown[]> {
  const parts = partsOf(run.source);
  const store = run.checkpoints && new Keeper(run, run.checkpoints);
  const kept = (await store?.load()) ?? parts.map(({ from }): Kept => ({ samples: from }));
  const results: unknown[] = parts.map(() => undefined);
  const report = progressOfAll(run, parts, kept);
  const { signal, outputs, reducer } = run;

  /** Does parts one after the other on one session. */
  const work = async (runner: InferenceRunner, threads: number | undefined, mine: readonly number[]): Promise<void> => {
    let session: InferenceSession | undefined;
    let crashed = false;
    try {
      for (const index of mine) {
        for (let done = false; !done; ) {
          const { state, samples } = kept[index] as Kept;
          let advanced = false;
          session ??= await run.open(runner, threads);
          try {
            results[index] = await runner.reduce(session, (parts[index] as Part).source, { name: reducer.name, options: { ...reducer.options, ...(state === undefined ? {} : { initial: state }) } }, outputs, {
              signal,
              skip: samples,
              ...(run.stateMs === undefined ? {} : { stateMs: run.stateMs }),
              progress: (update) => {
                advanced = true;
                report(index, update);
              },
              onState: (state, samples) => {
                kept[index] = { state, samples };
                store?.save(kept);
              },
            });
            done = true;
          } catch (error) {
            // A model that kills the runtime does so with the first sample; one that got further met something else.
            const again = error instanceof EdgewiseError && error.code === 'RUNTIME_CRASHED' && advanced && !crashed;
            if (!again) throw error;
            crashed = true;
            session = undefined;
          }
        }
      }
    } finally {
      // The child frees its memory while what was seen is made use of; whatever it is asked next comes after that.
      if (session) runner.close(session).catch(() => {});
    }
  };

  const beside = parts.length > 1 && sampleCount(run.source) >= FEW_SAMPLES ? run.runner.beside?.(run.modelBytes) : null;
  // Both come to an end before an error is told: what else is open in the first child must stay so.
  const ends = await Promise.allSettled(beside ? [work(run.runner, beside.threads, [0]), work(beside.runner, beside.threads, [1])] : [work(run.runner, undefined, parts.map((_, index) => index))]);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) {
    await store?.settled();
    throw failed.reason;
  }
  await store?.finish();
  return results;
}

function partsOf(source: SampleSource): readonly Part[] {
  const count = sampleCount(source);
  if (count < 2) return [{ source, from: 0 }];
  const half = Math.ceil(count / 2);
  const first: SampleSource = source.kind === 'generated' ? { ...source, count: half } : { ...source, indices: source.indices.slice(0, half) };
  return [{ source: first, from: 0 }, { source, from: half }];
}

/** The parts' progress as that of the whole. */
function progressOfAll(run: ResumableRun, parts: readonly Part[], kept: readonly Kept[]): (index: number, update: ProgressUpdate) => void {
  const done = parts.map(({ from }, index) => (kept[index]?.samples ?? from) - from);
  const all = sampleCount(run.source);
  return (index, update) => {
    const { source, from } = parts[index] as Part;
    done[index] = Math.max(done[index] ?? 0, (update.fraction ?? 0) * sampleCount(source) - from);
    const sum = done.reduce((total, count) => total + count, 0);
    run.progress({ ...update, fraction: Math.min(1, sum / all), detail: `${Math.round(sum)} of ${all}` });
  };
}

/** What is kept of one run in the store. */
class Keeper {
  readonly #run: ResumableRun;
  readonly #checkpoints: Checkpoints;
  #key: Promise<string> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #saved = false;

  constructor(run: ResumableRun, checkpoints: Checkpoints) {
    this.#run = run;
    this.#checkpoints = checkpoints;
  }

  /** The key takes a while for a large model, so it is made when there is something to find or to keep. */
  #ownKey(): Promise<string> {
    this.#key ??= keyOf(this.#run, this.#checkpoints);
    return this.#key;
  }

  async load(): Promise<Kept[] | undefined> {
    if (!(await this.#checkpoints.any())) return undefined;
    const parts = partsOf(this.#run.source);
    const ofPart = z.array(z.object({ state: this.#run.state.optional(), samples: z.number().int().min(0).max(sampleCount(this.#run.source)) })).length(parts.length);
    const found = await this.#checkpoints.load(await this.#ownKey());
    const parsed = ofPart.safeParse(found);
    // A part without a state has not begun.
    if (!parsed.success || !parsed.data.every(({ state, samples }, index) => (state === undefined) === (samples === parts[index]?.from))) return undefined;
    this.#saved = true;
    // Checked, and passed on as it was written: the reducer reads it again.
    return [...(found as Kept[])];
  }

  /** One after the other. A disk that is full must not end the work that it was to save. */
  save(kept: readonly Kept[]): void {
    const now = [...kept];
    this.#saving = this.#saving
      .then(async () => this.#checkpoints.save(await this.#ownKey(), now))
      .then(() => void (this.#saved = true))
      .catch(() => {});
  }

  settled(): Promise<void> {
    return this.#saving;
  }

  async finish(): Promise<void> {
    await this.#saving;
    if (this.#saved) await this.#checkpoints.remove(await this.#ownKey());
  }
}

async function keyOf({ source, reducer, outputs, files }: ResumableRun, checkpoints: Checkpoints): Promise<string> {
  const stamp = source.kind === 'dataset' ? await checkpoints.stamp(source.path, source.labelsPath) : '';
  const hash = createHash('sha256').update(JSON.stringify([VERSION, source, stamp, reducer, outputs]));
  for (const { chunks } of files()) for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}
