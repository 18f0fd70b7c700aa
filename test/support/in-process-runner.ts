/**
 * An InferenceRunner without a child process: onnxruntime in the test's own process. Small and real; for tests of whatever takes the
 * port. Samples come from `samples`, or are generated from the seed where the source says so.
 */
import { InferenceSession as OrtSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type {
  Accuracy, Fidelity, InferenceRunner, InferenceSession, LatencyComparison, ReducerFactory, SampleSource, TensorElementType, TensorValue,
} from '../../src/base/ports.ts';
import { throwIfAborted } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';

export interface Sample {
  readonly feeds: Readonly<Record<string, OrtTensor>>;
  readonly label?: number;
}

export interface InProcessRunnerOptions {
  readonly reducers?: Readonly<Record<string, ReducerFactory>>;
  /** Samples of a data set source. */
  readonly samples?: (source: SampleSource & { kind: 'dataset' }, session: InferenceSession) => AsyncIterable<Sample>;
  /** Sizes of symbolic dimensions of generated samples; 1 where not given. */
  readonly dims?: Readonly<Record<string, number>>;
}

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array, float16: Uint16Array,
} as const;
type Known = keyof typeof ARRAYS;

function toOrt(value: TensorValue): OrtTensor {
  const make = ARRAYS[value.type as Known];
  const copy = value.bytes.slice();
  return new OrtTensor(value.type as 'float32', new make(copy.buffer) as Float32Array, [...value.dims]);
}

function fromOrt(tensor: OrtTensor): TensorValue {
  if (tensor.type === 'string') return { type: 'string', dims: tensor.dims, bytes: new Uint8Array(), strings: tensor.data as string[] };
  const data = tensor.data as Float32Array;
  return { type: tensor.type as TensorElementType, dims: tensor.dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
}

export function createInProcessRunner(options: InProcessRunnerOptions = {}): InferenceRunner {
  const sessions = new Map<number, OrtSession>();
  let counter = 0;

  const ort = (session: InferenceSession): OrtSession => {
    const found = sessions.get(session.id);
    if (!found) throw new Error(`session ${session.id} is not open`);
    return found;
  };

  async function* generated(session: InferenceSession, { seed, count, openSize = 1 }: SampleSource & { kind: 'generated' }): AsyncIterable<Sample> {
    const random = seededRandom(seed);
    for (let n = 0; n < count; n++) {
      const feeds: Record<string, OrtTensor> = {};
      for (const { name, shape, type } of session.inputs) {
        const dims = shape.map((dim) => (typeof dim === 'number' ? dim : typeof dim === 'string' ? (options.dims?.[dim] ?? openSize) : openSize));
        const size = dims.reduce((a, b) => a * b, 1);
        if (type === 'string') {
          feeds[name] = new OrtTensor('string', Array.from({ length: size }, () => String(Math.floor(random() * 3))), dims);
          continue;
        }
        const data = new ARRAYS[type as Known](size) as Float32Array;
        const wide = data instanceof BigInt64Array || data instanceof BigUint64Array;
        for (let i = 0; i < data.length; i++) data[i] = (wide ? BigInt(Math.floor(random() * 2)) : random() * 2 - 1) as number;
        feeds[name] = new OrtTensor(type as 'float32', data, dims);
      }
      yield { feeds };
    }
  }

  async function* samplesOf(source: SampleSource, session: InferenceSession): AsyncIterable<Sample> {
    if (source.kind === 'generated') yield* generated(session, source);
    else if (options.samples) yield* options.samples(source, session);
    else throw new Error('this runner has no samples');
  }

  async function timed(session: OrtSession, sample: Sample): Promise<number> {
    const start = performance.now();
    await session.run(sample.feeds);
    return performance.now() - start;
  }

  return {
    async open(modelPath, sessionOptions = {}) {
      const session = await OrtSession.create(modelPath, {
        graphOptimizationLevel: sessionOptions.optimization ?? 'all',
        intraOpNumThreads: sessionOptions.threads ?? 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
      });
      const describe = (list: readonly { name: string; isTensor: boolean }[]): InferenceSession['inputs'] =>
        list.map((value) => {
          const { type, shape } = value as unknown as { type: TensorElementType; shape: (number | string)[] };
          return { name: value.name, type, shape };
        });
      const opened: InferenceSession = { id: counter++, modelPath, inputs: describe(session.inputMetadata), outputs: describe(session.outputMetadata) };
      sessions.set(opened.id, session);
      return opened;
    },
    async close(session) {
      const found = sessions.get(session.id);
      sessions.delete(session.id);
      await found?.release();
    },
    async run(session, feeds) {
      const results = await ort(session).run(Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toOrt(value)])));
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromOrt(tensor as OrtTensor)]));
    },
    async reduce(session, source, { name, options: reducerOptions }, outputs, runOptions = {}) {
      const make = options.reducers?.[name];
      if (!make) throw new Error(`no reducer "${name}"`);
      const reducer = make(reducerOptions);
      for await (const sample of samplesOf(source, session)) {
        throwIfAborted(runOptions.signal);
        const results = await ort(session).run(sample.feeds, outputs.length > 0 ? [...outputs] : ort(session).outputNames);
        for (const [output, tensor] of Object.entries(results)) {
          if (tensor.type === 'float32') reducer.add(output, tensor.data as Float32Array, tensor.dims, 'float32');
          else if (reducer.addOther) reducer.addOther(output, fromOrt(tensor as OrtTensor));
        }
      }
      return JSON.parse(JSON.stringify(reducer.result())) as unknown;
    },
    async evaluate(session, source): Promise<Accuracy> {
      const correct: (0 | 1)[] = [];
      let top5 = 0;
      for await (const sample of samplesOf(source, session)) {
        const results = await ort(session).run(sample.feeds);
        const data = results[session.outputs[0]?.name ?? '']?.data as Float32Array;
        const score = data[sample.label ?? -1] ?? Number.NEGATIVE_INFINITY;
        const rank = data.reduce((count, value) => count + (value > score ? 1 : 0), 0);
        correct.push(rank === 0 ? 1 : 0);
        if (rank < 5) top5++;
      }
      const samples = correct.length;
      return { samples, top1: correct.reduce<number>((a, b) => a + b, 0) / samples, top5: top5 / samples, correct };
    },
    async compare(reference, candidate, source): Promise<Fidelity> {
      let [samples, cosine, cosineMin, signal, noise, maxAbsError, agree, classified] = [0, 0, 1, 0, 0, 0, 0, 0];
      for await (const sample of samplesOf(source, reference)) {
        const a = await ort(reference).run(sample.feeds);
        const b = await ort(candidate).run(sample.feeds);
        let [dot, aa, bb] = [0, 0, 0];
        for (const [name, tensor] of Object.entries(a)) {
          if (tensor.type !== 'float32') continue;
          const x = tensor.data as Float32Array;
          const y = b[name]?.data as Float32Array;
          for (let i = 0; i < x.length; i++) {
            const [p, q] = [x[i] as number, y[i] as number];
            dot += p * q;
            aa += p * p;
            bb += q * q;
            noise += (p - q) ** 2;
            maxAbsError = Math.max(maxAbsError, Math.abs(p - q));
          }
        }
        const first = reference.outputs[0]?.name ?? '';
        const [x, y] = [a[first]?.data as Float32Array, b[first]?.data as Float32Array];
        classified++;
        if (argMax(x) === argMax(y)) agree++;
        const similarity = aa === 0 && bb === 0 ? 1 : dot / Math.sqrt(aa * bb || 1);
        cosine += similarity;
        cosineMin = Math.min(cosineMin, similarity);
        signal += aa;
        samples++;
      }
      return {
        samples, cosine: cosine / samples, cosineMin, sqnrDb: noise === 0 ? null : 10 * Math.log10(signal / noise),
        top1Agreement: classified > 0 ? agree / classified : null, maxAbsError,
      };
    },
    async latency(reference, candidate, source, runOptions = {}): Promise<LatencyComparison> {
      const before: number[] = [];
      const after: number[] = [];
      for await (const sample of samplesOf(source, reference)) {
        for (let warm = 0; warm < 2; warm++) {
          await timed(ort(reference), sample);
          await timed(ort(candidate), sample);
        }
        for (let pair = 0; pair < (runOptions.minPairs ?? 10); pair++) {
          before.push(await timed(ort(reference), sample));
          after.push(await timed(ort(candidate), sample), await timed(ort(candidate), sample));
          before.push(await timed(ort(reference), sample));
        }
        break;
      }
      const at = (values: number[], share: number): number => values.toSorted((x, y) => x - y)[Math.floor((values.length - 1) * share)] ?? 0;
      const ratio = at(before, 0.5) / at(after, 0.5);
      return {
        threads: 1, pairs: before.length / 2, beforeMs: { median: at(before, 0.5), p95: at(before, 0.95) },
        afterMs: { median: at(after, 0.5), p95: at(after, 0.95) }, ratio, ci95: [ratio * 0.9, ratio * 1.1],
      };
    },
    peakRssBytes: () => process.memoryUsage().rss,
    async dispose() {
      for (const session of sessions.values()) await session.release();
      sessions.clear();
    },
  };
}

function argMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
