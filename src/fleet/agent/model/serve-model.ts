/**
 * The process of one model: reads the slot, tells what it read, and feeds the model. It owns nothing but memory and may be killed at any moment; a model
 * that ends its runtime ends this process and no other.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EdgewiseError, toEdgewiseError } from '../../../base/errors.ts';
import type { PreprocessRecord, SampleSource } from '../../../base/ports.ts';
import { ARTIFACT_FILES, workloadFacts, type WorkloadFacts } from '../../../contract/records/workload.ts';
import { matchDataset } from '../../../runtime/data/plan.ts';
import { endWithParent } from '../../../runtime/inference/orphan-guard.ts';
import { openSamples, type Sample } from '../../../runtime/inference/samples.ts';
import { createAccuracyMeter, scoresOf } from '../../../runtime/inference/scoring.ts';
import { createSessions, type OpenSession } from '../../../runtime/inference/sessions.ts';
import { childCall, type ChildReply, type ChildRequest, type WorkloadInput } from './child-messages.ts';

export interface ModelLine {
  send(reply: ChildReply): void;
  onMessage(listener: (message: unknown) => void): void;
  onClose(listener: () => void): void;
}

/** Generated inputs are made anew after so many: the same ones, from the same seed. */
const GENERATED = 64;
/** Scores that are told; a segmentation has more than anybody reads. */
const MOST_SCORES = 1000;
const MOST_BODY_BYTES = 64 * 2 ** 20;

interface Served {
  readonly session: OpenSession;
  readonly facts: WorkloadFacts | null;
  readonly inputs: AsyncIterator<Sample>;
}

/** Serves until the parent is gone. */
export function serveModel(line: ModelLine): void {
  // Where there is a Float16Array, the runtime's JavaScript side makes float16 tensors of it, which its native side does not know.
  Reflect.deleteProperty(globalThis, 'Float16Array');
  let served: Served | null = null;
  let queue = Promise.resolve();

  const ready = (): Served => {
    if (served === null) throw new EdgewiseError('INTERNAL', 'The model has not been loaded.');
    return served;
  };

  const handle = async (request: ChildRequest): Promise<unknown> => {
    switch (request.op) {
      case 'load': {
        const digests: Record<string, string> = {};
        for (const name of request.files) digests[name] = await digestOf(join(request.folder, name));
        const session = await createSessions().open(join(request.folder, ARTIFACT_FILES.model), { threads: request.threads, optimization: 'all' });
        const facts = await factsIn(request.folder);
        served = { session, facts, inputs: inputsOf(request.input, session, facts) };
        return { digests };
      }
      case 'infer':
        return { ms: await infer(ready(), request.count) };
      case 'check':
        return check(ready(), request.folder);
      case 'answer':
        return answer(ready(), request.body);
    }
  };

  line.onClose(() => process.exit(0));
  endWithParent();
  line.onMessage((raw) => {
    const parsed = childCall.safeParse(raw);
    if (!parsed.success) return;
    const { id, request } = parsed.data;
    queue = queue.then(async () => {
      try {
        line.send({ type: 'done', id, result: await handle(request) });
      } catch (error) {
        line.send({ type: 'failed', id, error: toEdgewiseError(error).toRecord() as Extract<ChildReply, { type: 'failed' }>['error'] });
      }
    });
  });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** null: the artifact says nothing of its model. @throws BAD_DOCUMENT */
async function factsIn(folder: string): Promise<WorkloadFacts | null> {
  const text = await readFile(join(folder, ARTIFACT_FILES.facts), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return workloadFacts.parse(JSON.parse(text));
  } catch (error) {
    throw new EdgewiseError('BAD_DOCUMENT', `"${ARTIFACT_FILES.facts}" of the artifact cannot be read.`, { hint: 'Publish the artifact again, and check that the device runs a version of Edgewise that knows this format.', cause: error });
  }
}

/** The workload's inputs, over and over. */
async function* inputsOf(input: WorkloadInput, session: OpenSession, facts: WorkloadFacts | null): AsyncGenerator<Sample> {
  const source = await sourceOf(input, session, facts);
  for (;;) {
    const samples = await openSamples(source, session.inputs);
    try {
      yield* samples;
    } finally {
      await samples.close();
    }
  }
}

async function sourceOf(input: WorkloadInput, session: OpenSession, facts: WorkloadFacts | null): Promise<SampleSource> {
  if (input.kind === 'generator') return { kind: 'generated', seed: input.seed, count: GENERATED };
  const preprocess = (facts?.preprocess ?? undefined) as PreprocessRecord | undefined;
  const match = await matchDataset({ path: input.path, preprocess, inputs: session.inputs, modelName: facts?.model ?? 'model' });
  return {
    kind: 'dataset',
    path: input.path,
    ...(match.preprocess === null ? {} : { preprocess: match.preprocess as PreprocessRecord }),
    indices: Array.from({ length: match.facts.samples }, (_, index) => index),
  };
}

async function infer({ session, inputs }: Served, count: number): Promise<number[]> {
  const times: number[] = [];
  while (times.length < count) {
    const { value } = (await inputs.next()) as IteratorYieldResult<Sample>;
    const begun = performance.now();
    await session.run(value.feeds);
    times.push(performance.now() - begun);
  }
  return times;
}

/** The samples are those of the artifact in the folder; what is left to do to them is this model's own business, where it says so. */
async function check({ session, facts }: Served, folder: string): Promise<{ value: number; samples: number } | null> {
  const set = (await factsIn(folder))?.check ?? null;
  if (set === null) return null;
  const preprocess = (facts?.check?.preprocess ?? set.preprocess ?? undefined) as PreprocessRecord | undefined;
  const samples = await openSamples({ kind: 'dataset', path: join(folder, set.file), ...(preprocess === undefined ? {} : { preprocess }), indices: Array.from({ length: set.samples }, (_, index) => index) }, session.inputs);
  try {
    const meter = createAccuracyMeter();
    for await (const { feeds, label } of samples) {
      const scores = scoresOf(await session.run(feeds), session.outputs, samples.classes);
      if (label === undefined || scores === undefined) return null;
      meter.add(scores, label);
    }
    const { top1, samples: seen } = meter.result();
    return seen === 0 ? null : { value: top1, samples: seen };
  } finally {
    await samples.close();
  }
}

async function answer({ session, facts }: Served, body: Uint8Array): Promise<{ latencyMs: number; scores: number[] | null; label: string | null }> {
  const form = formOf(body);
  const folder = await mkdtemp(join(tmpdir(), 'edgewise-frame-'));
  try {
    const file = join(folder, `frame.${form}`);
    await writeFile(file, body);
    const preprocess = (facts?.preprocess ?? undefined) as PreprocessRecord | undefined;
    const samples = await openSamples({ kind: 'dataset', path: form === 'npy' ? file : folder, ...(preprocess === undefined ? {} : { preprocess }), indices: [0] }, session.inputs).catch(unusable);
    try {
      const { value } = (await samples[Symbol.asyncIterator]().next().catch(unusable)) as IteratorYieldResult<Sample>;
      const begun = performance.now();
      const results = await session.run(value.feeds);
      const latencyMs = performance.now() - begun;
      const found = scoresOf(results, session.outputs, facts?.labels.length ?? 0);
      const best = found === undefined ? -1 : found.indexOf(Math.max(...found.subarray(0, 2 ** 16)));
      return { latencyMs, scores: found === undefined ? null : [...found.subarray(0, MOST_SCORES)], label: facts?.labels[best] ?? null };
    } finally {
      await samples.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function unusable(error: unknown): never {
  throw new EdgewiseError('BAD_REQUEST', `What came is no input of this model: ${toEdgewiseError(error).message}`, { hint: 'Send one PNG or JPEG picture, or a NumPy array with one sample.', cause: error });
}

function formOf(body: Uint8Array): 'png' | 'jpg' | 'npy' {
  const begins = (...bytes: number[]): boolean => bytes.every((byte, index) => body[index] === byte);
  if (body.length <= MOST_BODY_BYTES) {
    if (begins(0x89, 0x50, 0x4e, 0x47)) return 'png';
    if (begins(0xff, 0xd8, 0xff)) return 'jpg';
    if (begins(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'npy';
  }
  throw new EdgewiseError('BAD_REQUEST', `What came (${body.length} bytes) is no PNG, JPEG or NumPy array.`, { hint: 'Send one PNG or JPEG picture, or a NumPy array with one sample, of at most 64 MiB.' });
}
