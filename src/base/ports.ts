/**
 * Ports: what the engine and the console need from the outside and do not implement themselves.
 * `runtime` implements them; the job process and the command line wire them.
 */
import type { EnergyComparison } from './energy.ts';
import type { ReportProgress } from './progress.ts';

/** Random-access bytes of one file; nothing is read until it is asked for. */
export interface ByteSource {
  readonly size: number;
  /** @throws EdgewiseError TRUNCATED when the range passes the end */
  read(offset: number, length: number): Uint8Array;
}

/** Opens files that a model names as external data, inside the model's own folder only. */
export interface ExternalFiles {
  /** @throws EdgewiseError EXTERNAL_FORBIDDEN or EXTERNAL_BAD */
  open(location: string): ByteSource;
}

/** A tensor that crosses a process border; small ones only (constants, verification of small graphs). */
export interface TensorValue {
  readonly type: TensorElementType;
  readonly dims: readonly number[];
  /** Little-endian bytes; bool is one byte per element, float16 two. Empty for strings. */
  readonly bytes: Uint8Array;
  /** Only for type `string`. */
  readonly strings?: readonly string[];
}

export type TensorElementType =
  | 'float32' | 'float64' | 'float16' | 'bfloat16'
  | 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64'
  | 'int4' | 'uint4' | 'bool' | 'string';

/** An input or output of a model; a dimension is a number, a symbol, or unknown (null). */
export interface ValueDescription {
  readonly name: string;
  readonly type: TensorElementType;
  readonly shape: readonly (number | string | null)[];
}

/** How one picture becomes a tensor: (pixel * scale - mean) / std. A field left out means: not done. */
export interface PreprocessRecord {
  readonly resize?: { readonly mode: 'shorter' | 'stretch' | 'letterbox'; readonly size: number | readonly [number, number] };
  readonly crop?: number | readonly [number, number];
  readonly channels?: 'RGB' | 'BGR' | 'L';
  readonly scale?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly layout?: 'NCHW' | 'NHWC';
}

/** What to feed a model with: a data set on disk, or generated numbers where there is none. */
export type SampleSource =
  | {
      readonly kind: 'dataset';
      readonly path: string;
      readonly labelsPath?: string;
      readonly preprocess?: PreprocessRecord;
      /** Which samples, by index in the data set's own order. */
      readonly indices: readonly number[];
    }
  | {
      readonly kind: 'generated';
      readonly seed: number;
      readonly count: number;
      /** Size of dimensions that the model leaves open, but for those of pictures; 1 where it is not given. */
      readonly openSize?: number;
    };

export interface SessionOptions {
  /** Intra-op threads; 0 lets the runtime choose. */
  readonly threads?: number;
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
}

/** A model loaded in the runtime's child process. */
export interface InferenceSession {
  readonly id: number;
  readonly modelPath: string;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
}

/** How close a candidate's outputs are to the reference's, over all samples and all float outputs. */
export interface Fidelity {
  readonly samples: number;
  /** Mean over samples of the cosine of the flattened outputs, 1 is equal. */
  readonly cosine: number;
  readonly cosineMin: number;
  /** 10 log10(sum ref^2 / sum (ref - cand)^2) over all samples; `null` when the outputs are identical. */
  readonly sqnrDb: number | null;
  /** Share of samples with the same arg max; `null` when no output looks like class scores. */
  readonly top1Agreement: number | null;
  readonly maxAbsError: number;
}

export interface Accuracy {
  readonly samples: number;
  /** Shares, 0 to 1. */
  readonly top1: number;
  readonly top5: number;
  /** Per sample, in the order of the source: 1 where top-1 was right. For paired statistics. */
  readonly correct?: readonly (0 | 1)[];
}

export interface LatencyStats {
  readonly median: number;
  readonly p95: number;
}

/** Interleaved A B B A timing of two sessions on the same inputs. */
export interface LatencyComparison {
  readonly threads: number;
  readonly pairs: number;
  readonly beforeMs: LatencyStats;
  readonly afterMs: LatencyStats;
  /** Median of before / after: 2 means twice as fast. */
  readonly ratio: number;
  /** Bootstrap 95 % interval of `ratio`. */
  readonly ci95: readonly [number, number];
}

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly progress?: ReportProgress;
}

/** A streaming statistic over tensors that never leave the runtime's child, for example a calibration observer. */
export interface TensorReducer {
  /** Sees each floating-point tensor of each sample once, as float32; must not keep `data`. `type` is what the model gave. */
  add(tensor: string, data: Float32Array, dims: readonly number[], type?: TensorElementType): void;
  /** Sees the others: integers, booleans, strings. Where it is absent they are passed over. */
  addOther?(tensor: string, value: TensorValue): void;
  /** What was learnt so far, as JSON; may be asked for between samples. */
  result(): unknown;
}

/** Makes a reducer by name; registered where the child process is composed. */
export type ReducerFactory = (options: unknown) => TensorReducer;

export interface ReduceOptions extends RunOptions {
  /** So many samples at the start are left out, since an earlier run has seen them. */
  readonly skip?: number;
  /** Told now and then what was learnt so far, and of how many of the source's samples, those left out included. */
  readonly onState?: (state: unknown, samples: number) => void;
  /** Milliseconds between two calls of `onState`; default 5000. */
  readonly stateMs?: number;
}

/** Where a model's weights or activations come from is the runtime's business; the engine sees paths and numbers. */
export interface Beside {
  readonly runner: InferenceRunner;
  /** For each of the two. */
  readonly threads: number;
}

export interface InferenceRunner {
  open(modelPath: string, options?: SessionOptions & RunOptions): Promise<InferenceSession>;
  close(session: InferenceSession): Promise<void>;
  /** Runs once on given tensors. @throws RUNTIME_ERROR, RUNTIME_CRASHED, RESOURCE_LIMIT, CANCELLED */
  run(session: InferenceSession, feeds: Readonly<Record<string, TensorValue>>, options?: RunOptions): Promise<Record<string, TensorValue>>;
  /** Feeds every sample and reduces the named outputs in the child. `outputs` empty means all. */
  reduce(
    session: InferenceSession,
    source: SampleSource,
    reducer: { readonly name: string; readonly options?: unknown },
    outputs: readonly string[],
    options?: ReduceOptions,
  ): Promise<unknown>;
  evaluate(session: InferenceSession, source: SampleSource, options?: RunOptions): Promise<Accuracy>;
  compare(reference: InferenceSession, candidate: InferenceSession, source: SampleSource, options?: RunOptions): Promise<Fidelity>;
  latency(
    reference: InferenceSession,
    candidate: InferenceSession,
    source: SampleSource,
    options?: RunOptions & { readonly minPairs?: number; readonly maxSeconds?: number },
  ): Promise<LatencyComparison>;
  /** Energy per inference of both, in turns. Absent where the runner has no way to know; what cannot be measured says why. */
  energy?(reference: InferenceSession, candidate: InferenceSession, source: SampleSource, options?: RunOptions): Promise<EnergyComparison>;
  /**
   * Another runner with a child of its own, to work at the same time as this one on the same file of so many bytes; it ends with this one.
   * null where the machine has no second core or not the memory, or where the file is too small to be worth it.
   */
  beside?(modelBytes: number): Beside | null;
  /** Largest resident memory that the children have used so far; of those that worked beside each other, the sum. */
  peakRssBytes(): number;
  /** Ends the children; idempotent. */
  dispose(): Promise<void>;
}

/** A folder for intermediate models of one job; the job's owner deletes it. */
export interface Workspace {
  readonly folder: string;
  /**
   * Writes chunks to `name` in the folder and returns the path. `scratch`: nobody reads the file after a crash, so it is written in place
   * of the old one without waiting for the disk.
   */
  write(name: string, chunks: Iterable<Uint8Array>, options?: { readonly scratch?: boolean }): Promise<string>;
}

/** Keeps the state of long work, so that it goes on where it was interrupted. */
export interface Checkpoints {
  /** False where nothing at all is kept: then nobody has to work out a key. */
  any(): Promise<boolean>;
  /** Changes with the content of the data set that is at these places. */
  stamp(path: string, labelsPath?: string): Promise<string>;
  /** What was saved last under the key, or undefined. */
  load(key: string): Promise<unknown>;
  /** @param state as JSON */
  save(key: string, state: unknown): Promise<void>;
  remove(key: string): Promise<void>;
}

/** Monotonic milliseconds. */
export type Clock = () => number;
