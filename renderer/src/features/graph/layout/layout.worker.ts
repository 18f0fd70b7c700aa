/** Lays a graph out beside the page, so that thousands of nodes stall nothing. */
import { layOut, type LayoutInput } from './layout.ts';

/** The page's types know no worker: this much of its scope is used. */
const scope = self as unknown as { addEventListener(type: 'message', listener: (event: MessageEvent<LayoutInput>) => void): void; postMessage(message: unknown, transfer: Transferable[]): void };

scope.addEventListener('message', ({ data }) => {
  const layout = layOut(data);
  scope.postMessage(layout, [layout.x.buffer, layout.rank.buffer, layout.chain.buffer, layout.chainLength.buffer, layout.placeX.buffer, layout.direct.buffer]);
});
