/** The browser host's connection, against a real WebSocket server that can be taken away and brought back. */
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket as ServerSocket } from 'ws';
import type { ConsoleEvent } from '../../../src/contract/rpc/events.ts';
import type { EdgewiseApi } from './api.ts';
import { createSocketApi } from './socket.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const end of cleanUp.splice(0)) end();
});

async function serve(port = 0) {
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const sockets = new Set<ServerSocket>();
  let mute = false;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('message', (data) => {
      const { id, route } = JSON.parse(String(data)) as { id: number; route: string };
      if (mute) return;
      const answer = route === 'models.list' ? { ok: true, data: [] } : { ok: false, error: { code: 'NOT_FOUND', message: 'gone', hint: 'look elsewhere' } };
      socket.send(JSON.stringify({ kind: 'answer', id, answer }));
    });
  });
  const end = (): void => {
    for (const socket of sockets) socket.terminate();
    server.close();
  };
  cleanUp.push(end);
  return { port: (server.address() as AddressInfo).port, end, mute: () => (mute = true), tell: (text: string) => sockets.forEach((socket) => socket.send(text)) };
}

function open(port: number, stillKnown: () => Promise<boolean> = () => Promise.resolve(true)): EdgewiseApi {
  const api = createSocketApi({ url: `ws://127.0.0.1:${port}/rpc`, stillKnown, longestWaitMs: 100 });
  cleanUp.push(api.close);
  return api;
}

async function becomes(api: EdgewiseApi, state: EdgewiseApi['state']['value']): Promise<void> {
  await expect.poll(() => api.state.value, { timeout: 10_000 }).toBe(state);
}

it('sends what was asked before the connection stood', async () => {
  const { port } = await serve();
  const api = open(port);
  expect(api.state.value).toBe('connecting');
  await expect(api.invoke('models.list', {})).resolves.toEqual([]);
});

it('throws what the console answered, with its next step', async () => {
  const { port } = await serve();
  await expect(open(port).invoke('jobs.get', { id: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND', hint: 'look elsewhere' });
});

it('passes on events that keep to the contract and drops what does not', async () => {
  const { port, tell } = await serve();
  const api = open(port);
  const heard: ConsoleEvent[] = [];
  const stop = api.on((event) => heard.push(event));
  await becomes(api, 'connected');
  tell(JSON.stringify({ kind: 'event', event: { type: 'job.exploded' } }));
  tell(JSON.stringify({ kind: 'event', event: { type: 'model.removed', id: 'a' } }));
  await expect.poll(() => heard).toEqual([{ type: 'model.removed', id: 'a' }]);
  stop();
  tell(JSON.stringify({ kind: 'event', event: { type: 'model.removed', id: 'b' } }));
  await api.invoke('models.list', {});
  expect(heard).toHaveLength(1);
});

it('fails what is under way when the host goes, and works again when it is back', async () => {
  const first = await serve();
  const api = open(first.port);
  await becomes(api, 'connected');
  first.mute();
  const asked = api.invoke('models.list', {});
  first.end();
  await expect(asked).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await becomes(api, 'reconnecting');
  await expect(api.invoke('models.list', {})).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await serve(first.port);
  await becomes(api, 'connected');
  await expect(api.invoke('models.list', {})).resolves.toEqual([]);
});

it('stops trying and says so where the host was started again and knows this page no more', async () => {
  const { port, end } = await serve();
  const api = open(port, () => Promise.resolve(false));
  await becomes(api, 'connected');
  end();
  await becomes(api, 'refused');
});
