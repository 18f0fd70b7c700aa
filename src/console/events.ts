/** The console's events, handed to whoever listens: windows, sockets, the terminal. */
import type { ConsoleEvent } from '../contract/rpc/events.ts';

export interface Events {
  /** @returns a function that ends the subscription */
  subscribe(listener: (event: ConsoleEvent) => void): () => void;
}

export interface EventHub extends Events {
  emit(event: ConsoleEvent): void;
}

/** @param onError takes what a listener threw; the other listeners are still called */
export function createEventHub(onError: (error: unknown) => void): EventHub {
  const listeners = new Set<(event: ConsoleEvent) => void>();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    emit(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
