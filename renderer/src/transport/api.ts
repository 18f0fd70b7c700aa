/** What the page knows of the console behind it, whichever host carries it. */
import type { Ref } from 'vue';
import type { ConsoleEvent } from '../../../src/contract/rpc/events.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../../src/contract/rpc/routes.ts';

/** `refused`: the host is there but does not know this page any more (it was started again). */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'refused';

export interface EdgewiseApi {
  /** Calls a route. @throws EdgewiseError what the console answered, or INTERRUPTED where the connection is gone */
  invoke<N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>>;
  /** Listens to the console's events. @returns a function that ends it */
  on(listener: (event: ConsoleEvent) => void): () => void;
  readonly state: Readonly<Ref<ConnectionState>>;
}
