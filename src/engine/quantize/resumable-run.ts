/**
 * One pass over the samples that goes on where it was interrupted: after a crash of the runtime's child from what was learnt last, and
 * after the end of the whole program from what was kept of it under a key that model, data and options make.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import type { Checkpoints, InferenceRunner, InferenceSession, SampleSource } from '../../base/ports.ts';
import type { ReportProgress } from '../../base/progress.ts';
import type { NamedFile } from '../onnx/save-model.ts';
import { sampleCount } from './sample-split.ts';

export interface ResumableRun {
  readonly runner: InferenceRunner;
  readonly source: SampleSource;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  readonly checkpoints?: Checkpoints | undefined;
  /** Milliseconds between two states; the runner's own where absent. */
  readonly stateMs?: number | undefined;
  /** The model that runs, for the key. */
  readonly files: () => readonly NamedFile[];
  readonly open: () => Promise<InferenceSession>;
  /** Its options take an `initial` state, as `state` describes it. */
  readonly reducer: { readonly name: string; readonly options: Readonly<Record<string, unknown>> };
  readonly state: z.ZodType;
  readonly outputs: readonly string[];
}

/** Goes up with every change of what a state means. */
const VERSION = 1;

interface Kept {
  readonly state: unknown;
  readonly samples: number;
}

/** @throws whatever the runner throws; RUNTIME_CRASHED at the second crash, or at the first one where no sample was done */
export async function reduceResumably(run: ResumableRun): Promise<unknown> {
  const { runner, source, progress, signal, outputs, reducer } = run;
  const store = run.checkpoints && new Keeper(run, run.checkpoints);
  let kept = await store?.load();
  for (let attempt = 0; ; attempt++) {
    const from: Kept = kept ?? { state: undefined, samples: 0 };
    let advanced = false;
    const session = await run.open();
    try {
      const result = await runner.reduce(session, source, { name: reducer.name, options: { ...reducer.options, ...(from.state === undefined ? {} : { initial: from.state }) } }, outputs, {
        signal,
        skip: from.samples,
        ...(run.stateMs === undefined ? {} : { stateMs: run.stateMs }),
        progress: (update) => {
          advanced = true;
          progress(update);
        },
        onState: (state, samples) => {
          kept = { state, samples };
          store?.save(kept);
        },
      });
      await store?.finish();
      return result;
    } catch (error) {
      // A model that kills the runtime does so with the first sample; one that got further met something else.
      const again = error instanceof EdgewiseError && error.code === 'RUNTIME_CRASHED' && advanced && attempt === 0;
      if (!again) {
        await store?.settled();
        throw error;
      }
    } finally {
      await runner.close(session);
    }
  }
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

  async load(): Promise<Kept | undefined> {
    if (!(await this.#checkpoints.any())) return undefined;
    const kept = z.object({ state: this.#run.state, samples: z.number().int().positive().max(sampleCount(this.#run.source)) });
    const found = await this.#checkpoints.load(await this.#ownKey());
    // Checked, and passed on as it was written: the reducer reads it again.
    if (!kept.safeParse(found).success) return undefined;
    this.#saved = true;
    return found as Kept;
  }

  /** One after the other. A disk that is full must not end the work that it was to save. */
  save(kept: Kept): void {
    this.#saving = this.#saving
      .then(async () => this.#checkpoints.save(await this.#ownKey(), kept))
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
