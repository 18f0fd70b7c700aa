/** The console over the desktop shell's bridge. */
import { ref } from 'vue';
import { EdgewiseError } from '../../../src/base/errors.ts';
import type { Answer } from '../../../src/contract/rpc/envelope.ts';
import type { ConsoleEvent } from '../../../src/contract/rpc/events.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../../src/contract/rpc/routes.ts';
import type { ConnectionState, EdgewiseApi } from './api.ts';

/** What the preload script puts on `window.edgewise`. */
export interface Bridge {
  invoke(route: string, input: unknown): Promise<Answer>;
  on(name: 'event', callback: (event: ConsoleEvent) => void): () => void;
}

export function createDesktopApi(bridge: Bridge): EdgewiseApi {
  return {
    state: ref<ConnectionState>('connected'),
    async invoke<N extends RouteName>(route: N, input: RouteInput<N>) {
      // Reactive proxies cannot be cloned across the bridge.
      const answer = await bridge.invoke(route, JSON.parse(JSON.stringify(input)));
      if (answer.ok) return answer.data as RouteOutput<N>;
      throw EdgewiseError.fromRecord(answer.error);
    },
    on: (listener) => bridge.on('event', listener),
  };
}
