/** The frames that carry calls and events on one channel (IPC or WebSocket). */
import { z } from 'zod';
import type { ErrorRecord } from '../../base/errors.ts';
import { errorRecord } from '../records/common.ts';
import { consoleEvent } from './events.ts';

/** A call as it arrives; `route` and `input` are parsed by the router. */
export const callFrame = z.strictObject({ id: z.number().int().nonnegative(), route: z.string().max(100), input: z.unknown() });

export const answer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({ ok: z.literal(false), error: errorRecord }),
]);

/** What a browser-host socket sends to the page. */
export const serverFrame = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('answer'), id: z.number().int(), answer }),
  z.object({ kind: z.literal('event'), event: consoleEvent }),
]);

export type CallFrame = z.infer<typeof callFrame>;
export type Answer = { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: ErrorRecord };
export type ServerFrame = z.infer<typeof serverFrame>;
