/** The router and the events on a WebSocket: calls in, answers and events out. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ServerFrame } from '../contract/rpc/envelope.ts';
import type { Console } from '../console/create-console.ts';

/** Calls carry paths and settings, never files. */
const MAX_FRAME_BYTES = 1 << 20;
/** A page that does not read is cut off instead of filling the memory. */
const MAX_BACKLOG_BYTES = 32 << 20;
const PING_MS = 30_000;

export interface RpcSocket {
  /** Takes over an upgrade that has been checked. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

export function createRpcSocket(console: Console): RpcSocket {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });
  const alive = new WeakSet<WebSocket>();

  const send = (socket: WebSocket, frame: ServerFrame): void => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MAX_BACKLOG_BYTES) return socket.terminate();
    socket.send(JSON.stringify(frame));
  };

  server.on('connection', (socket) => {
    alive.add(socket);
    const unsubscribe = console.events.subscribe((event) => send(socket, { kind: 'event', event }));
    socket.on('pong', () => alive.add(socket));
    socket.on('error', () => socket.terminate());
    socket.on('close', unsubscribe);
    socket.on('message', (data, binary) => {
      const frame = binary ? undefined : tryJson(data.toString());
      const id = (frame as { id?: unknown } | null | undefined)?.id;
      if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return socket.close(1007, 'not a call');
      void console.router.call(frame, { trusted: true }).then((answer) => send(socket, { kind: 'answer', id, answer }));
    });
  });

  const pinging = setInterval(() => {
    for (const socket of server.clients) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, PING_MS);
  pinging.unref();

  return {
    accept(request, socket, head) {
      server.handleUpgrade(request, socket, head, (accepted) => server.emit('connection', accepted, request));
    },
    close() {
      clearInterval(pinging);
      for (const socket of server.clients) socket.close(1001, 'closing');
      setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, 200).unref();
      server.close();
    },
  };
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
