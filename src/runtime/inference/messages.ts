/** What the runtime's two halves say to each other. Tensors travel with `run` only; everything else is paths and numbers. */
import { z } from 'zod';
import { accuracy, errorRecord, fidelity, latencyComparison, latencyStats, preprocessRecord } from '../../contract/records/common.ts';

const sessionId = z.number().int().nonnegative();

const tensorValue = z.object({
  type: z.enum(['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'int4', 'uint4', 'bool', 'string']),
  dims: z.array(z.number().int().nonnegative()),
  bytes: z.instanceof(Uint8Array),
  strings: z.array(z.string()).optional(),
});

const source = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('dataset'),
    path: z.string(),
    labelsPath: z.string().optional(),
    preprocess: preprocessRecord.optional(),
    indices: z.array(z.number().int().nonnegative()),
  }),
  z.object({ kind: z.literal('generated'), seed: z.number().int(), count: z.number().int().positive() }),
]);

export const request = z.discriminatedUnion('op', [
  z.object({ op: z.literal('open'), path: z.string(), threads: z.number().int().nonnegative(), optimization: z.enum(['disabled', 'basic', 'extended', 'all']) }),
  z.object({ op: z.literal('close'), session: sessionId }),
  z.object({ op: z.literal('run'), session: sessionId, feeds: z.record(z.string(), tensorValue) }),
  z.object({ op: z.literal('reduce'), session: sessionId, source, reducer: z.string(), options: z.unknown(), outputs: z.array(z.string()), skip: z.number().int().nonnegative(), stateMs: z.number().nonnegative().nullable() }),
  z.object({ op: z.literal('evaluate'), session: sessionId, source }),
  z.object({ op: z.literal('compare'), reference: sessionId, candidate: sessionId, source }),
  z.object({ op: z.literal('latency'), reference: sessionId, candidate: sessionId, source, minPairs: z.number().int().positive(), maxSeconds: z.number().positive() }),
  z.object({ op: z.literal('work'), session: sessionId, source, seconds: z.number().positive() }),
  z.object({ op: z.literal('bench'), session: sessionId, source, seconds: z.number().positive() }),
]);

/** Parent to child. */
export const call = z.object({ id: z.number().int().nonnegative(), request });

const valueDescription = z.object({ name: z.string(), type: tensorValue.shape.type, shape: z.array(z.union([z.number(), z.string(), z.null()])) });

export const results = {
  open: z.object({ session: sessionId, inputs: z.array(valueDescription), outputs: z.array(valueDescription) }),
  close: z.null(),
  run: z.record(z.string(), tensorValue),
  reduce: z.unknown(),
  evaluate: accuracy.extend({ correct: z.array(z.union([z.literal(0), z.literal(1)])) }),
  compare: fidelity,
  latency: latencyComparison,
  work: z.object({ runs: z.number().int().positive(), busyMs: z.number().nonnegative() }),
  bench: z.object({ threads: z.number().int(), runs: z.number().int(), ms: latencyStats }),
} as const;

/** Child to parent. */
export const reply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), runtime: z.string() }),
  z.object({ type: z.literal('progress'), id: z.number().int(), fraction: z.number(), detail: z.string() }),
  z.object({ type: z.literal('state'), id: z.number().int(), state: z.unknown(), samples: z.number().int() }),
  z.object({ type: z.literal('memory'), rssBytes: z.number() }),
  z.object({ type: z.literal('done'), id: z.number().int(), result: z.unknown() }),
  z.object({ type: z.literal('failed'), id: z.number().int(), error: errorRecord }),
]);

export type Request = z.infer<typeof request>;
export type RequestOf<O extends Request['op']> = Extract<Request, { op: O }>;
export type Reply = z.infer<typeof reply>;
export type BenchResult = z.infer<typeof results.bench>;
