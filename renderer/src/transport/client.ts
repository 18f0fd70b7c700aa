/** The one connection of this page. */
import type { EdgewiseApi } from './api.ts';
import { createDesktopApi, type Bridge } from './desktop.ts';
import { createSocketApi } from './socket.ts';

declare global {
  interface Window {
    readonly edgewise?: Bridge;
  }
}

function open(): EdgewiseApi {
  if (window.edgewise) return createDesktopApi(window.edgewise);
  return createSocketApi({
    url: `ws://${location.host}/rpc`,
    stillKnown: async () => (await fetch('./', { method: 'HEAD', cache: 'no-store' })).status !== 401,
  });
}

export const api: EdgewiseApi = open();
