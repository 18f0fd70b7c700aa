/** How the one window is made. Every security switch is written out, also where Electron's default is the same: defaults have changed before. */
import type { BrowserWindowConstructorOptions } from 'electron';
import type { WindowState } from './window-state.ts';

export interface WindowOptions {
  /** Path of the built preload script. */
  readonly preload: string;
  readonly state: WindowState;
  /** False in the packaged program. */
  readonly devTools: boolean;
  readonly dark: boolean;
}

export function windowOptions({ preload, state, devTools, dark }: WindowOptions): BrowserWindowConstructorOptions {
  return {
    ...state.bounds,
    minWidth: 800,
    minHeight: 560,
    title: 'Edgewise',
    // Shown once the page has painted; until then the page's own ground colour, so that nothing flashes.
    show: false,
    backgroundColor: dark ? '#111418' : '#ffffff',
    autoHideMenuBar: true,
    webPreferences: {
      preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools,
    },
  };
}
