/**
 * The inference child: answers requests of one runner, one after the other. It may be killed at any moment, so it owns nothing but
 * sessions in memory. Progress goes out between samples; the event loop gets a turn there, or nothing would leave the process.
 */
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EdgewiseError, toEdgewiseError } from '../../base/errors.ts';
import type { ReducerFactory, SampleSource, TensorElementType } from '../../base/ports.ts';
import type { ParentLine } from './channel.ts';
import { call, type Reply, type Request, type RequestOf } from './messages.ts';
import { endWithParent } from './orphan-guard.ts';
import { openSamples, type Sample } from './samples.ts';
import { createAccuracyMeter, createFidelityMeter, scoresOf } from './scoring.ts';
import { createSessions, type OpenSession } from './sessions.ts';
import { floatsOf, fromRuntime, toRuntime } from './tensors.ts';
import { benchSession, compareLatency, workSession } from './timing.ts';

export interface ServeOptions {
  readonly channel: ParentLine;
  /** Streaming statistics that `reduce` can be asked for, by name. */
  readonly reducers: Readonly<Record<string, ReducerFactory>>;
}

/** Inputs that latency is measured on; more would only fill memory. */
const LATENCY_SAMPLES = 8;
const PROGRESS_MS = 100;
const MEMORY_MS = 200;

type Report = (done: number, of: number) => Promise<void>;

/** Serves until the parent is gone. */
export function serveInference({ channel, reducers }: ServeOptions): void {
  // Where there is a Float16Array, the runtime's JavaScript side makes float16 tensors of it, which its native side does not know.
  Reflect.deleteProperty(globalThis, 'Float16Array');
  const sessions = createSessions();
  const send = (reply: Reply): void => channel.send(reply);
  let queue = Promise.resolve();
  let memoryAt = 0;

  /** Inputs of the models that work in turns: reading them again would be work too. */
  const kept = new Map<string, Sample['feeds'][]>();
  const keptSamples = async (source: SampleSource, session: OpenSession): Promise<Sample['feeds'][]> => {
    const key = `${session.id} ${JSON.stringify(source)}`;
    const samples = kept.get(key) ?? (await firstSamples(source, session));
    kept.set(key, samples);
    return samples;
  };

  const reporter = (id: number): Report => {
    let at = 0;
    return async (done, of) => {
      const now = performance.now();
      if (now - memoryAt > MEMORY_MS) {
        memoryAt = now;
        send({ type: 'memory', rssBytes: process.memoryUsage.rss() });
      }
      if (now - at < PROGRESS_MS && done < of) return;
      at = now;
      send({ type: 'progress', id, fraction: done / of, detail: `${Math.round(done)} of ${of}` });
      await nextTurn();
    };
  };

  const handle = async (id: number, request: Request, report: Report): Promise<unknown> => {
    switch (request.op) {
      case 'open': {
        const session = await sessions.open(request.path, request);
        return { session: session.id, inputs: session.inputs, outputs: session.outputs };
      }
      case 'close':
        kept.clear();
        await sessions.close(request.session);
        return null;
      case 'run': {
        const results = await sessions.get(request.session).run(Object.fromEntries(Object.entries(request.feeds).map(([name, value]) => [name, toRuntime(value as Parameters<typeof toRuntime>[0])])));
        return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromRuntime(tensor)]));
      }
      case 'reduce':
        return reduce(request, sessions.get(request.session), report, (state, samples) => send({ type: 'state', id, state, samples }));
      case 'evaluate':
        return evaluate(request, sessions.get(request.session), report);
      case 'compare':
        return compare(request, sessions.get(request.reference), sessions.get(request.candidate), report);
      case 'latency': {
        const reference = sessions.get(request.reference);
        const samples = await firstSamples(request.source as SampleSource, reference);
        return compareLatency(reference, sessions.get(request.candidate), samples, {
          minPairs: request.minPairs,
          maxSeconds: request.maxSeconds,
          seed: 1,
          onPair: (done) => report(Math.min(done, request.minPairs), request.minPairs),
        });
      }
      case 'work': {
        const session = sessions.get(request.session);
        return workSession(session, await keptSamples(request.source as SampleSource, session), request.seconds, (share) => report(Math.round(share * 100), 100));
      }
      case 'bench': {
        const session = sessions.get(request.session);
        return benchSession(session, await firstSamples(request.source as SampleSource, session), request.seconds, (share) => report(Math.round(share * 100), 100));
      }
    }
  };

  const reduce = async (request: RequestOf<'reduce'>, session: OpenSession, report: Report, tell: (state: unknown, samples: number) => void): Promise<unknown> => {
    const make = Object.hasOwn(reducers, request.reducer) ? reducers[request.reducer] : undefined;
    if (make === undefined) throw new EdgewiseError('INTERNAL', `There is no reducer "${request.reducer}".`);
    const reducer = make(request.options);
    const outputs = request.outputs.length > 0 ? request.outputs : session.outputs.map(({ name }) => name);
    let done = request.skip;
    let toldAt = performance.now();
    await eachSample(request.source as SampleSource, session, report, async ({ feeds }) => {
      const results = await session.run(feeds, outputs);
      for (const name of outputs) {
        const tensor = results[name];
        const values = tensor && floatsOf(tensor);
        if (tensor && values) reducer.add(name, values, tensor.dims, tensor.type as TensorElementType);
        else if (tensor && reducer.addOther) reducer.addOther(name, fromRuntime(tensor));
      }
      done++;
      if (request.stateMs === null || performance.now() - toldAt < request.stateMs) return;
      toldAt = performance.now();
      tell(reducer.result(), done);
      // Out of this process before the next sample, which may be its last.
      await nextTurn();
    }, request.skip);
    return reducer.result();
  };

  const evaluate = async (request: RequestOf<'evaluate'>, session: OpenSession, report: Report): Promise<unknown> => {
    const meter = createAccuracyMeter();
    await eachSample(request.source as SampleSource, session, report, async ({ feeds, label }, classes) => {
      if (label === undefined) throw new EdgewiseError('BAD_LABELS', 'A sample has no label, so accuracy cannot be measured.', { hint: 'Give the labels with --labels, or compare with the original instead.' });
      const scores = scoresOf(await session.run(feeds), session.outputs, classes);
      if (scores === undefined) throw new EdgewiseError('BAD_REQUEST', 'No output of the model looks like class scores, so accuracy cannot be measured.', { hint: 'Compare with the original instead: fidelity needs no labels.' });
      meter.add(scores, label);
    });
    return meter.result();
  };

  const compare = async (request: RequestOf<'compare'>, reference: OpenSession, candidate: OpenSession, report: Report): Promise<unknown> => {
    let meter: ReturnType<typeof createFidelityMeter> | undefined;
    await eachSample(request.source as SampleSource, reference, report, async ({ feeds }, classes) => {
      meter ??= createFidelityMeter(reference.outputs, classes);
      meter.add(await reference.run(feeds), await candidate.run(feeds));
    });
    return (meter ?? createFidelityMeter(reference.outputs, 0)).result();
  };

  channel.onClose(() => process.exit(0));
  endWithParent();
  channel.onMessage((raw) => {
    const parsed = call.safeParse(raw);
    if (!parsed.success) return;
    const { id, request } = parsed.data;
    queue = queue.then(async () => {
      try {
        const result = await handle(id, request, reporter(id));
        send({ type: 'memory', rssBytes: process.memoryUsage.rss() });
        send({ type: 'done', id, result });
      } catch (error) {
        send({ type: 'failed', id, error: toEdgewiseError(error).toRecord() });
      }
    });
  });
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  send({ type: 'ready', runtime: version });
}

async function eachSample(source: SampleSource, session: OpenSession, report: Report, visit: (sample: Sample, classes: number) => Promise<void>, skip = 0): Promise<void> {
  const samples = await openSamples(source, session.inputs, skip);
  try {
    let done = skip;
    for await (const sample of samples) {
      await visit(sample, samples.classes);
      await report(++done, samples.count);
    }
  } finally {
    await samples.close();
  }
}

async function firstSamples(source: SampleSource, session: OpenSession): Promise<Sample['feeds'][]> {
  const few: SampleSource = source.kind === 'generated' ? { ...source, count: Math.min(source.count, LATENCY_SAMPLES) } : { ...source, indices: source.indices.slice(0, LATENCY_SAMPLES) };
  const feeds: Sample['feeds'][] = [];
  await eachSample(few, session, async () => {}, async (sample) => {
    feeds.push(sample.feeds);
  });
  if (feeds.length === 0) throw new EdgewiseError('BAD_DATASET', 'There is no sample to measure latency on.', { hint: 'Choose a data set with at least one sample.' });
  return feeds;
}
