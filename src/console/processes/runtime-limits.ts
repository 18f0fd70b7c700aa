/**
 * How much time and memory one model gets in the runtime. Time follows from the model's own size: nobody waits five minutes to learn that
 * a file of 300 bytes never ends, and a large network on a slow machine is not cut off.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import type { ModelFacts } from '../../contract/records/model.ts';

export interface RuntimeLimits {
  /** Longest time without any sign of progress: one sample, or loading. */
  readonly quietSeconds: number;
  /** Resident memory; left out, the runtime decides by the machine. */
  readonly memoryBytes?: number;
}

/** Enough for starting a process on a busy machine, and for what has no multiply-adds. */
const LEAST_SECONDS = 20;
const MOST_SECONDS = 3600;
/** A twentieth of what the slowest core in use does. */
const MACS_PER_SECOND = 50e6;
/** Loading rewrites the graph; weights that nobody could count the use of are read once each. */
const BYTES_PER_SECOND = 1e6;

const environment = z.object({
  EDGEWISE_MAX_MEMORY_MB: z.coerce.number().min(256).optional(),
  EDGEWISE_MAX_QUIET_SECONDS: z.coerce.number().min(1).optional(),
});

/**
 * @param models facts of every model that will be run; the largest decides
 * @param env where a person may set both limits (docs/cli.md)
 * @throws USAGE
 */
export function runtimeLimits(models: readonly Pick<ModelFacts, 'macs' | 'bytes'>[], env: Readonly<Record<string, string | undefined>> = process.env): RuntimeLimits {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const name = String(parsed.error.issues[0]?.path[0]);
    throw new EdgewiseError('USAGE', `The environment variable ${name} is "${env[name]}", which is no number in range.`, {
      hint: 'EDGEWISE_MAX_MEMORY_MB is a number from 256, EDGEWISE_MAX_QUIET_SECONDS one from 1; or leave them unset.',
    });
  }
  const { EDGEWISE_MAX_MEMORY_MB: megabytes, EDGEWISE_MAX_QUIET_SECONDS: seconds } = parsed.data;
  const needed = Math.max(0, ...models.map(({ macs, bytes }) => macs / MACS_PER_SECOND + bytes / BYTES_PER_SECOND));
  return {
    quietSeconds: seconds ?? Math.min(MOST_SECONDS, Math.ceil(LEAST_SECONDS + needed)),
    ...(megabytes === undefined ? {} : { memoryBytes: megabytes * 2 ** 20 }),
  };
}
