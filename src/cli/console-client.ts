/**
 * How a command reaches the console. Where one runs on the data folder it has left its address and a session there, readable by its owner only, and the
 * command asks it; where none does, the command opens the data folder itself for as long as it takes.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { EdgewiseError, type ErrorRecord } from '../base/errors.ts';
import type { RouteInput, RouteName, RouteOutput } from '../contract/rpc/routes.ts';
import { createConsole } from '../console/create-console.ts';
import { defaultDataFolder } from '../console/data-folder.ts';
import { createNodeProcessHost } from '../console/jobs/node-process-host.ts';
import { findEntries } from '../console/processes/entries.ts';
import { writeFileAtomically } from '../runtime/files/write-file.ts';
import type { Places } from './places.ts';

export type Call = <N extends RouteName>(route: N, input: RouteInput<N>) => Promise<RouteOutput<N>>;

const FILE = 'console.json';
const running = z.object({ port: z.number().int(), cookie: z.string(), pid: z.number().int() });
const CONNECT_MS = 3000;
const ANSWER_MS = 120_000;

/** Written by a host that serves; @returns takes it away again */
export async function leaveAddress(dataFolder: string, port: number, cookie: string): Promise<() => void> {
  const path = join(dataFolder, FILE);
  await writeFileAtomically(path, [new TextEncoder().encode(JSON.stringify({ port, cookie, pid: process.pid }))], { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** @throws what the route throws; CONFLICT where the data folder is in use by a console that cannot be reached */
export async function withConsole<T>(places: Places, work: (call: Call) => Promise<T>): Promise<T> {
  const dataFolder = defaultDataFolder();
  const socket = await reach(dataFolder);
  if (socket !== null) {
    try {
      return await work(callOver(socket));
    } finally {
      socket.close();
    }
  }
  const console = await createConsole({ dataFolder, processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: places.version, openLine: false, ...(places.sample === undefined ? {} : { sample: places.sample }) });
  try {
    let id = 0;
    return await work(async (route, input) => {
      const answer = await console.router.call({ id: id++, route, input }, { trusted: true });
      if (!answer.ok) throw EdgewiseError.fromRecord(answer.error as ErrorRecord);
      return answer.data as never;
    });
  } finally {
    await console.close();
  }
}

/** A socket to the console that runs on the folder; null: none does. */
async function reach(dataFolder: string): Promise<WebSocket | null> {
  let address;
  try {
    address = running.parse(JSON.parse(readFileSync(join(dataFolder, FILE), 'utf8')));
  } catch {
    return null;
  }
  const { port, cookie } = address;
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`, { headers: { cookie }, origin: `http://127.0.0.1:${port}`, handshakeTimeout: CONNECT_MS, maxPayload: 2 ** 28 });
    socket.once('open', () => resolve(socket));
    // Left behind by a console that was killed.
    socket.once('error', () => resolve(null));
  });
}

const frame = z.object({ kind: z.literal('answer'), id: z.number(), answer: z.discriminatedUnion('ok', [z.object({ ok: z.literal(true), data: z.unknown() }), z.object({ ok: z.literal(false), error: z.unknown() })]) });

function callOver(socket: WebSocket): Call {
  let count = 0;
  const waiting = new Map<number, (answer: z.infer<typeof frame>['answer'] | null) => void>();
  socket.on('message', (data) => {
    const parsed = frame.safeParse(JSON.parse(String(data)));
    if (!parsed.success) return;
    waiting.get(parsed.data.id)?.(parsed.data.answer);
    waiting.delete(parsed.data.id);
  });
  const lost = (): void => {
    for (const tell of waiting.values()) tell(null);
    waiting.clear();
  };
  socket.on('close', lost);
  socket.on('error', lost);
  return async (route, input) => {
    const id = count++;
    const answer = await new Promise<z.infer<typeof frame>['answer'] | null>((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, route, input }));
      setTimeout(() => resolve(null), ANSWER_MS).unref();
    });
    if (answer === null) throw new EdgewiseError('INTERRUPTED', 'The console did not answer.', { hint: 'Look whether it still runs, and ask again.' });
    if (!answer.ok) throw EdgewiseError.fromRecord(answer.error as ErrorRecord);
    return answer.data as never;
  };
}
