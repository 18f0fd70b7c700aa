/** What the agent and the process of one model say to each other. */
import { z } from 'zod';
import { errorRecord } from '../../../contract/records/common.ts';

const count = z.number().int().min(0);

/** Where the workload's inputs come from. */
export const workloadInput = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder'), path: z.string().min(1) }),
  z.object({ kind: z.literal('generator'), seed: count }),
]);

export const childRequest = z.discriminatedUnion('op', [
  z.object({ op: z.literal('load'), folder: z.string(), files: z.array(z.string()), input: workloadInput, threads: count }),
  z.object({ op: z.literal('infer'), count: z.number().int().min(1) }),
  /** On the check set that lies in that folder. */
  z.object({ op: z.literal('check'), folder: z.string() }),
  z.object({ op: z.literal('answer'), body: z.instanceof(Uint8Array) }),
]);

export const childCall = z.object({ id: count, request: childRequest });

export const childResults = {
  /** SHA-256 of each file as this process read it. */
  load: z.object({ digests: z.record(z.string(), z.string()) }),
  infer: z.object({ ms: z.array(z.number()) }),
  check: z.object({ value: z.number(), samples: count }).nullable(),
  answer: z.object({ latencyMs: z.number(), scores: z.array(z.number()).nullable(), label: z.string().nullable() }),
} as const;

export const childReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('done'), id: count, result: z.unknown() }),
  z.object({ type: z.literal('failed'), id: count, error: errorRecord }),
]);

export type WorkloadInput = z.infer<typeof workloadInput>;
export type ChildRequest = z.infer<typeof childRequest>;
export type ChildReply = z.infer<typeof childReply>;
