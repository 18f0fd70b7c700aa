/**
 * Runs the model of the active slot on the workload's input, at the pace that is wanted. A model whose process dies in service is started again, with
 * growing pauses; one that dies while it has yet to prove itself fails its proof, and the installer goes back.
 */
import { EdgewiseError, throwIfAborted, toEdgewiseError } from '../../../base/errors.ts';
import type { InstalledModel, ModelHost } from '../install/installer.ts';
import type { AgentClock, AgentTimers, LoadedModel, ModelAnswer, ModelRuntime } from '../ports.ts';
import { createFigures, quantileOf, type Figures } from './figures.ts';

export interface ModelServicePorts {
  readonly models: ModelRuntime;
  readonly clock: AgentClock;
  readonly timers: AgentTimers;
  readonly random: () => number;
  readonly log: (line: string) => void;
  /** False while the model that runs has yet to prove itself: then a model that dies is not started again here. */
  readonly mayRestart: () => boolean;
  /** p95 of the benchmark of this model; null: it was not measured. */
  readonly expectedMs: (digest: string) => number | null;
}

export interface ModelServiceOptions {
  /** 0: nothing is fed; inferences come from outside. */
  readonly framesPerS: number;
  readonly frameBatchMs: number;
  readonly confirmInferences: number;
  readonly confirmSlowdown: number;
}

/** A stretch of service of one model. */
export interface ServiceInterval {
  readonly digest: string;
  readonly durationMs: number;
  readonly figures: Figures;
}

export interface ModelService {
  readonly host: ModelHost;
  /** What the loading process told; null: no model runs now. */
  digest(): string | null;
  loaded(): LoadedModel | null;
  setPace(framesPerS: number): void;
  pace(): number;
  /** The workload waits; what is under way is waited for. Counted: as many `resume` as `pause`. */
  pause(): Promise<void>;
  resume(): void;
  /** @throws CONFLICT while no model runs, and what the model throws */
  answer(body: Uint8Array): Promise<ModelAnswer>;
  /** What has been observed since the last call, one entry for each model that ran. */
  takeIntervals(): readonly ServiceInterval[];
  /** All since the model that runs was started; null: none runs. */
  sinceStart(): ServiceInterval | null;
  /** Milliseconds so far in which an inference ran, over all models. */
  busyMs(): number;
  stop(): Promise<void>;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** After so long in service a death is no longer one of a row. */
const STEADY_MS = 60_000;
/** A workload that has fallen behind leaves frames out, as a camera would. */
const MOST_FRAMES_AT_ONCE = 1000;

interface Running {
  readonly model: InstalledModel;
  readonly loaded: LoadedModel;
  readonly since: number;
  readonly all: Figures;
  interval: { since: number; figures: Figures };
}

export function createModelService(ports: ModelServicePorts, options: ModelServiceOptions): ModelService {
  const { clock, timers } = ports;
  let current: Running | null = null;
  /** Counts up with every start and stop, so that a late answer finds that it is late. */
  let turn = 0;
  let deaths = 0;
  let diedAt = Number.NEGATIVE_INFINITY;
  let calledOff = (): void => {};
  let finished: ServiceInterval[] = [];
  let framesPerS = options.framesPerS;
  let paused = 0;
  let feeding: Promise<void> = Promise.resolve();
  let tickOff = (): void => {};
  let owed = 0;
  let busyMs = 0;

  function intervalOf(running: Running): ServiceInterval {
    return { digest: running.loaded.digest, durationMs: Math.max(1, clock.elapsed() - running.interval.since), figures: running.interval.figures };
  }

  function leave(): void {
    if (current === null) return;
    if (current.interval.figures.inferences + current.interval.figures.errors > 0) finished.push(intervalOf(current));
    current = null;
    tickOff();
  }

  async function load(model: InstalledModel): Promise<string> {
    const own = ++turn;
    const loaded = await ports.models.load(model);
    if (own !== turn) {
      await loaded.close();
      throw new EdgewiseError('CANCELLED', 'Another model was started meanwhile.');
    }
    const since = clock.elapsed();
    current = { model, loaded, since, all: createFigures(), interval: { since, figures: createFigures() } };
    loaded.onEnd((error) => {
      if (current?.loaded !== loaded) return;
      leave();
      ports.log(`the model ended: ${toEdgewiseError(error).message}`);
      if (ports.mayRestart()) startLater(model);
    });
    schedule();
    return loaded.digest;
  }

  function startLater(model: InstalledModel): void {
    const now = clock.elapsed();
    deaths = now - diedAt > STEADY_MS + LONGEST_PAUSE_MS ? 1 : deaths + 1;
    diedAt = now;
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (deaths - 1)) * (0.5 + 0.5 * ports.random());
    const own = turn;
    calledOff = timers.after(ms, () => {
      if (own !== turn) return;
      load(model).catch((error: unknown) => {
        if (turn !== own + 1) return;
        ports.log(`the model does not start: ${toEdgewiseError(error).message}`);
        startLater(model);
      });
    });
  }

  async function unload(): Promise<void> {
    turn++;
    calledOff();
    const before = current;
    leave();
    await before?.loaded.close();
  }

  /** Feeds and takes down what came of it. @throws what the model throws */
  async function feed(running: Running, count: number): Promise<readonly number[]> {
    try {
      const latencies = await running.loaded.infer(count);
      for (const ms of latencies) note(running, ms);
      return latencies;
    } catch (error) {
      running.all.fail();
      running.interval.figures.fail();
      throw error;
    }
  }

  function note(running: Running, ms: number): void {
    busyMs += ms;
    running.all.add(ms);
    running.interval.figures.add(ms);
  }

  function schedule(): void {
    tickOff();
    if (current === null || framesPerS <= 0 || paused > 0) return;
    const period = Math.max(1000 / framesPerS, options.frameBatchMs);
    const running = current;
    let due = clock.elapsed() + period * (options.frameBatchMs > 0 ? ports.random() : 1);
    const tick = (): void => {
      owed += (framesPerS * period) / 1000;
      const count = Math.min(MOST_FRAMES_AT_ONCE, Math.floor(owed + 1e-6));
      owed -= Math.floor(owed + 1e-6);
      feeding = (count > 0 ? feed(running, count) : Promise.resolve([])).then(
        () => {},
        // It is counted; a model that died is told of by its end.
        () => {},
      );
      void feeding.then(() => {
        if (current !== running || paused > 0) return;
        due = Math.max(due + period, clock.elapsed());
        tickOff = timers.after(Math.max(0, due - clock.elapsed()), tick);
      });
    };
    tickOff = timers.after(Math.max(0, due - clock.elapsed()), tick);
  }

  async function pause(): Promise<void> {
    paused++;
    tickOff();
    await feeding;
  }

  function resume(): void {
    paused--;
    if (paused === 0) schedule();
  }

  async function watch(model: InstalledModel, signal: AbortSignal): Promise<void> {
    await pause();
    try {
      const running = current;
      if (running === null || running.model.record.manifestSha256 !== model.record.manifestSha256) throw new EdgewiseError('RUNTIME_CRASHED', 'The new model ended before it answered anything.', { hint: 'Look at the log of the device.' });
      const latencies: number[] = [];
      while (latencies.length < options.confirmInferences) {
        throwIfAborted(signal);
        latencies.push(...(await feed(running, 1)));
      }
      const expected = ports.expectedMs(running.loaded.digest);
      // The first one pays for caches and memory.
      const p95 = quantileOf(latencies.slice(1), 0.95);
      if (expected === null || p95 === null || p95 <= expected * options.confirmSlowdown) return;
      throw new EdgewiseError('GATE_NOT_MET', `In service the new model takes ${p95.toFixed(1)} ms (p95) where its benchmark took ${expected.toFixed(1)} ms; the limit is ${options.confirmSlowdown} times.`, { hint: 'Something else keeps the device busy, or it is too hot. Try again later.', details: { p95Ms: p95, benchmarkMs: expected } });
    } finally {
      resume();
    }
  }

  return {
    host: {
      async start(model) {
        await unload();
        try {
          return await load(model);
        } catch (error) {
          if (ports.mayRestart() && toEdgewiseError(error).code !== 'CANCELLED') startLater(model);
          throw error;
        }
      },
      stop: unload,
      watch,
    },
    digest: () => current?.loaded.digest ?? null,
    loaded: () => current?.loaded ?? null,
    setPace(next) {
      framesPerS = next;
      owed = 0;
      schedule();
    },
    pace: () => framesPerS,
    pause,
    resume,
    async answer(body) {
      if (current === null || paused > 0) throw new EdgewiseError('CONFLICT', 'No model is in service at this moment.', { hint: 'Try again in a few seconds.' });
      const running = current;
      try {
        const answer = await running.loaded.answer(body);
        note(running, answer.latencyMs);
        return answer;
      } catch (error) {
        // A body that is no picture says nothing about the model.
        if (toEdgewiseError(error).code !== 'BAD_REQUEST') running.interval.figures.fail();
        throw error;
      }
    },
    takeIntervals() {
      const taken = finished;
      finished = [];
      if (current !== null) {
        taken.push(intervalOf(current));
        current.interval = { since: clock.elapsed(), figures: createFigures() };
      }
      return taken;
    },
    sinceStart: () => (current === null ? null : { digest: current.loaded.digest, durationMs: Math.max(1, clock.elapsed() - current.since), figures: current.all }),
    busyMs: () => busyMs,
    stop: unload,
  };
}
