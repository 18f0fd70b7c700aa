/** Calls a route of the console as the page would, where a spec needs something that another page's spec covers. */
import type { Page } from '@playwright/test';
import type { RouteInput, RouteName, RouteOutput } from '../../src/contract/rpc/routes.ts';

export async function callRoute<N extends RouteName>(page: Page, route: N, input: RouteInput<N>): Promise<RouteOutput<N>> {
  // As text: this file is type-checked without the DOM.
  const answer = (await page.evaluate(`(() => {
    const [route, input] = ${JSON.stringify([route, input])};
    if (window.edgewise) return window.edgewise.invoke(route, input);
    return new Promise((resolve, reject) => {
      const socket = new WebSocket('ws://' + location.host + '/rpc');
      socket.onopen = () => socket.send(JSON.stringify({ id: 1, route, input }));
      socket.onerror = () => reject(new Error('no connection'));
      socket.onmessage = ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.kind !== 'answer') return;
        socket.close();
        resolve(frame.answer);
      };
    });
  })()`)) as { ok: true; data: RouteOutput<N> } | { ok: false; error: { code: string; message: string } };
  if (answer.ok) return answer.data;
  throw new Error(`${route}: ${answer.error.code} ${answer.error.message}`);
}
