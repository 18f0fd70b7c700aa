/** A calibration that is interrupted, over the real runner: it goes on where it was, gives the same bits, and never takes up what is another's. */
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { normals, smallNetwork, temporaryWorkspace } from '../../../test/support/quantization-testing.ts';
import { EdgewiseError } from '../../base/errors.ts';
import type { Checkpoints, InferenceRunner, SampleSource } from '../../base/ports.ts';
import { findEntries } from '../../console/processes/entries.ts';
import { inferenceForks } from '../../console/processes/fork-inference.ts';
import { createCheckpoints, createInferenceRunner } from '../../runtime/index.ts';
import { Graph } from '../onnx/graph.ts';
import { floatTensor, type Model } from '../onnx/index.ts';
import { copyModel } from '../passes/pipeline.ts';
import { calibrate, type Calibration, type ObserverOptions } from './calibrate.ts';
import { planQuantization } from './plan.ts';
import type { CalibrationContext } from './probe-model.ts';

const COUNT = 1500;
const HALF = COUNT / 2;
const generated: SampleSource = { kind: 'generated', seed: 3, count: COUNT };
const model = smallNetwork();
let folder: string;
let workspace: ReturnType<typeof temporaryWorkspace>;
const runners: InferenceRunner[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-resume-'));
  workspace = temporaryWorkspace();
});

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  workspace.dispose();
});

interface Trial {
  readonly checkpoints?: Checkpoints;
  readonly source?: SampleSource;
  readonly model?: Model;
  readonly observer?: ObserverOptions;
  /** Kills the child at the first state of so many samples or more, so many times. */
  readonly kill?: { readonly at: number; readonly times: number };
  readonly cancelAt?: number;
  /** The second part in a child of its own. */
  readonly beside?: boolean;
}

/** A calibration and the number of samples that each of its runs left out. */
async function trial({ checkpoints, source = generated, model: given = model, observer = { kind: 'entropy' }, kill, cancelAt, beside = false }: Trial): Promise<{ readonly calibration: Calibration; readonly skips: number[] }> {
  const skips: number[] = [];
  const outcome = await attempt({ ...(checkpoints ? { checkpoints } : {}), source, model: given, observer, ...(kill ? { kill } : {}), ...(cancelAt === undefined ? {} : { cancelAt }), beside }, skips);
  if (outcome instanceof EdgewiseError) throw outcome;
  return { calibration: outcome, skips };
}

async function attempt({ checkpoints, source = generated, model: given = model, observer = { kind: 'entropy' }, kill, cancelAt, beside = false }: Trial, skips: number[]): Promise<Calibration | EdgewiseError> {
  let pid: number | undefined;
  let kills = 0;
  const abort = new AbortController();
  const real = createInferenceRunner({ fork: inferenceForks(() => findEntries().inferenceChild), onChildren: (pids) => (pid = pids.at(-1)), besideBytes: beside ? 0 : Number.POSITIVE_INFINITY });
  runners.push(real);
  const watched = (real: InferenceRunner): InferenceRunner => ({
    ...real,
    reduce: (session, samples, reducer, outputs, options = {}) => {
      skips.push(options.skip ?? 0);
      return real.reduce(session, samples, reducer, outputs, {
        ...options,
        onState: (state, samples) => {
          options.onState?.(state, samples);
          if (cancelAt !== undefined && samples >= cancelAt) abort.abort();
          if (kill && samples >= kill.at && kills < kill.times && pid !== undefined) {
            kills++;
            process.kill(pid, 'SIGKILL');
          }
        },
      });
    },
  });
  const runner: InferenceRunner = {
    ...watched(real),
    beside: (bytes) => {
      const found = real.beside?.(bytes) ?? null;
      return found && { ...found, runner: watched(found.runner) };
    },
  };
  const graph = new Graph(copyModel(given).graph);
  const context: CalibrationContext = { runner, workspace, source, progress: () => {}, signal: abort.signal, stateMs: 20, ...(checkpoints ? { checkpoints } : {}) };
  try {
    const [calibration] = await calibrate(given, graph, planQuantization(graph), [observer], context);
    return calibration as Calibration;
  } catch (error) {
    if (error instanceof EdgewiseError) return error;
    throw error;
  }
}

function cancelled(checkpoints: Checkpoints, trialOf: Trial = {}): Promise<Calibration | EdgewiseError> {
  return attempt({ ...trialOf, checkpoints, cancelAt: 200 }, []);
}

describe('a calibration that is interrupted', () => {
  it('goes on after its child was killed, and finds the same ranges and means bit for bit', async () => {
    const whole = await trial({});
    const resumed = await trial({ kill: { at: 300, times: 1 } });
    expect(whole.skips).toEqual([0, HALF]);
    expect(resumed.skips).toHaveLength(3);
    expect(resumed.skips[1]).toBeGreaterThanOrEqual(300);
    expect(resumed.skips[1]).toBeLessThanOrEqual(HALF);
    expect(resumed.calibration).toEqual(whole.calibration);
  });

  it('finds the same in two children at a time, also when one of them is killed', async () => {
    const whole = await trial({});
    const beside = await trial({ beside: true });
    expect(beside.skips.toSorted((a, b) => a - b)).toEqual([0, HALF]);
    expect(beside.calibration).toEqual(whole.calibration);
    const resumed = await trial({ beside: true, kill: { at: HALF + 100, times: 1 } });
    expect(resumed.skips).toHaveLength(3);
    expect(Math.max(...resumed.skips)).toBeGreaterThanOrEqual(HALF + 100);
    expect(resumed.calibration).toEqual(whole.calibration);
  });

  it('gives up at the second crash', async () => {
    const skips: number[] = [];
    expect(await attempt({ kill: { at: 100, times: 2 } }, skips)).toMatchObject({ code: 'RUNTIME_CRASHED' });
    expect(skips).toHaveLength(2);
  });

  it('that was cancelled goes on when it is run again, and leaves nothing behind', async () => {
    const store = join(folder, 'cancelled');
    const whole = await trial({ observer: { kind: 'moving-average' } });
    expect(await cancelled(createCheckpoints(store), { observer: { kind: 'moving-average' } })).toMatchObject({ code: 'CANCELLED' });
    expect(readdirSync(store)).toHaveLength(1);
    const again = await trial({ checkpoints: createCheckpoints(store), observer: { kind: 'moving-average' } });
    expect(again.skips[0]).toBeGreaterThanOrEqual(200);
    expect(again.calibration).toEqual(whole.calibration);
    expect(readdirSync(store)).toEqual([]);
  });
});

describe('what another calibration left', () => {
  it('is not taken up where model, data or options differ, or where it is damaged', async () => {
    const store = join(folder, 'others');
    const checkpoints = createCheckpoints(store);
    await cancelled(checkpoints);
    const other = copyModel(model);
    const [name, tensor] = [...other.graph.initializers][0] ?? [];
    other.graph.initializers.set(name ?? '', floatTensor(name ?? '', tensor?.dims ?? [], normals(77, (tensor?.dims ?? []).reduce((a, b) => a * b, 1))));
    const few: SampleSource = { kind: 'generated', seed: 3, count: 300 };
    expect((await trial({ checkpoints, model: other, source: few })).skips).toEqual([0, 150]);
    expect((await trial({ checkpoints, source: few })).skips).toEqual([0, 150]);
    expect((await trial({ checkpoints, source: { ...generated, seed: 4, count: 300 } })).skips).toEqual([0, 150]);
    expect((await trial({ checkpoints, observer: { kind: 'min-max' }, source: few })).skips).toEqual([0, 150]);
    const [file = ''] = readdirSync(store);
    writeFileSync(join(store, file), '[{"state": {"x": 1}, "samples": 200}, {"samples": 750}]');
    expect((await trial({ checkpoints })).skips).toEqual([0, HALF]);
  });

  it('has a key that changes with the content of the data', async () => {
    const data = join(folder, 'data.bin');
    const { stamp } = createCheckpoints(folder);
    writeFileSync(data, 'one');
    utimesSync(data, 1000, 1000);
    const first = await stamp(data);
    expect(await stamp(data)).toBe(first);
    utimesSync(data, 1001, 1001);
    expect(await stamp(data)).not.toBe(first);
    const ofFolder = await stamp(folder);
    writeFileSync(data, 'three');
    expect(await stamp(folder)).not.toBe(ofFolder);
  });
});
