/** The console over a WebSocket, for the browser host. It connects again by itself, later and later, and says what state it is in. */
import { ref } from 'vue';
import { EdgewiseError } from '../../../src/base/errors.ts';
import { serverFrame, type Answer, type CallFrame } from '../../../src/contract/rpc/envelope.ts';
import type { ConsoleEvent } from '../../../src/contract/rpc/events.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../../src/contract/rpc/routes.ts';
import type { ConnectionState, EdgewiseApi } from './api.ts';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;

interface Pending {
  readonly frame: CallFrame;
  readonly settle: (answer: Answer) => void;
}

export interface SocketOptions {
  readonly url: string;
  /** Asks the host whether it still knows this page; false: it does not. */
  readonly stillKnown: () => Promise<boolean>;
  /** Longest wait between two attempts, ms. */
  readonly longestWaitMs?: number;
}

export function createSocketApi({ url, stillKnown, longestWaitMs = LONGEST_WAIT_MS }: SocketOptions): EdgewiseApi & { close(): void } {
  const state = ref<ConnectionState>('connecting');
  const listeners = new Set<(event: ConsoleEvent) => void>();
  const pending = new Map<number, Pending>();
  let socket: WebSocket | undefined;
  let calls = 0;
  let attempt = 0;
  let closed = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const connect = (): void => {
    const opening = new WebSocket(url);
    socket = opening;
    opening.addEventListener('open', () => {
      attempt = 0;
      state.value = 'connected';
      // Calls made while the first connection was being built.
      for (const { frame } of pending.values()) opening.send(JSON.stringify(frame));
    });
    opening.addEventListener('message', (message) => receive(String(message.data)));
    opening.addEventListener('close', () => lost());
  };

  const receive = (text: string): void => {
    const parsed = serverFrame.safeParse(JSON.parse(text));
    if (!parsed.success) return;
    const frame = parsed.data;
    if (frame.kind === 'event') {
      for (const listener of listeners) listener(frame.event as ConsoleEvent);
      return;
    }
    const call = pending.get(frame.id);
    pending.delete(frame.id);
    call?.settle(frame.answer as Answer);
  };

  const lost = (): void => {
    if (closed) return;
    if (state.value === 'connected') {
      for (const { settle } of pending.values()) settle({ ok: false, error: gone() });
      pending.clear();
    }
    if (state.value !== 'connecting' || attempt > 0) state.value = state.value === 'refused' ? 'refused' : 'reconnecting';
    const wait = Math.min(longestWaitMs, FIRST_WAIT_MS * 2 ** attempt) * (0.8 + Math.random() * 0.4);
    attempt += 1;
    timer = setTimeout(() => void again(), wait);
  };

  const again = async (): Promise<void> => {
    try {
      if (!(await stillKnown())) {
        state.value = 'refused';
        refuseAll();
        return;
      }
    } catch {
      // The host does not answer at all: the attempt below fails alike, and another follows.
    }
    if (!closed) connect();
  };

  const refuseAll = (): void => {
    for (const { settle } of pending.values()) settle({ ok: false, error: gone() });
    pending.clear();
  };

  connect();

  return {
    state,
    invoke<N extends RouteName>(route: N, input: RouteInput<N>) {
      return new Promise<RouteOutput<N>>((resolve, reject) => {
        const settle = (answer: Answer): void => {
          if (answer.ok) resolve(answer.data as RouteOutput<N>);
          else reject(EdgewiseError.fromRecord(answer.error));
        };
        if (state.value === 'reconnecting' || state.value === 'refused') return settle({ ok: false, error: gone() });
        const frame = { id: calls++, route, input };
        pending.set(frame.id, { frame, settle });
        if (state.value === 'connected') socket?.send(JSON.stringify(frame));
      });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      refuseAll();
      socket?.close();
    },
  };
}

function gone() {
  return {
    code: 'INTERRUPTED' as const,
    message: 'The connection to Edgewise is gone.',
    hint: 'Running jobs are not touched. The page connects again by itself as soon as Edgewise answers.',
  };
}
