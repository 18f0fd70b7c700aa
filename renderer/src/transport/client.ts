/** The one connection of this page. */
// First, also here: the bundler may put this file and the schemas it reaches before everything else.
import '../zod-setup.ts';
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
