/**
 * How a job process in a utility process gets children. It cannot fork by itself: the packaged desktop executable is no plain Node. So it
 * asks the shell, which forks a second utility process and joins the two by a message port: what they say to each other, tensors of
 * verification among it, does not pass through the shell.
 *
 *   job -> shell     fork {child}                     kill {child}
 *   shell -> job     started {child, pid} + port      output {child, text}      exit {child, code}
 *   shell -> child   connect + port
 *
 * The numbers `child` are the job's own, counted up. Entry files are the shell's business: a job cannot name a file to run.
 */
import { z } from 'zod';

const child = z.number().int().nonnegative();

/** A job process to the shell. */
export const toBroker = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('broker.fork'), child }),
  z.strictObject({ type: z.literal('broker.kill'), child }),
]);

/** The shell to a job process; `started` carries the port. */
export const fromBroker = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('broker.started'), child, pid: z.number().int().positive().nullable() }),
  z.strictObject({ type: z.literal('broker.output'), child, text: z.string() }),
  z.strictObject({ type: z.literal('broker.exit'), child, code: z.number().int().nullable() }),
]);

/** The shell's first message to a child that it joins to a job; it carries the port. */
export const connectMessage = 'broker.connect';

export type ToBroker = z.infer<typeof toBroker>;
export type FromBroker = z.infer<typeof fromBroker>;

/** Whether a message belongs to this protocol; the others belong to the job. */
export function isBrokerMessage(message: unknown): boolean {
  const type = (message as { readonly type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && type.startsWith('broker.');
}
