/**
 * What the shell uses of Electron, as ports: electron-adapter.ts gives the real thing, testing/fake-electron.ts a small one that runs
 * without a screen. Everything else in main/ knows these only.
 */
import type { BrowserWindowConstructorOptions, CustomScheme, MenuItemConstructorOptions, MessageBoxOptions } from 'electron';
import type { DialogPort } from './dialogs.ts';
import type { IpcMainPort, PagePort } from './ipc/mount-router.ts';
import type { UtilityChildPort, UtilityPlatform } from './processes/electron-process-ports.ts';
import type { PrintWindowPort } from './print/page-printer.ts';
import type { PageRequest } from './protocol/app-protocol.ts';
import type { ContentsPort, SessionPort, SwitchPort } from './security/lockdown.ts';
import type { CrashingContents } from './window/crash-recovery.ts';
import type { GuardedWindow } from './window/close-guard.ts';
import type { Rectangle } from './window/window-state.ts';

export interface AppPort extends SwitchPort {
  readonly isPackaged: boolean;
  getVersion(): string;
  getLocale(): string;
  setPath(name: 'userData', path: string): void;
  enableSandbox(): void;
  requestSingleInstanceLock(): boolean;
  whenReady(): Promise<unknown>;
  quit(): void;
  exit(code: number): void;
  on(event: 'second-instance' | 'activate' | 'window-all-closed', listener: () => void): unknown;
  on(event: 'session-created', listener: (session: SessionPort) => void): unknown;
  on(event: 'web-contents-created', listener: (event: unknown, contents: ContentsPort) => void): unknown;
}

export interface WindowPort extends GuardedWindow {
  readonly webContents: PagePort & CrashingContents & { reload(): void };
  on(event: 'close', listener: (event: { preventDefault(): void }) => void): unknown;
  once(event: 'ready-to-show', listener: () => void): unknown;
  loadURL(url: string): Promise<void>;
  show(): void;
  hide(): void;
  focus(): void;
  restore(): void;
  maximize(): void;
  isVisible(): boolean;
  isMinimized(): boolean;
  isMaximized(): boolean;
  isDestroyed(): boolean;
  getNormalBounds(): Rectangle;
}

export interface ElectronPorts<W extends WindowPort = WindowPort, P = unknown, C extends UtilityChildPort = UtilityChildPort> {
  readonly app: AppPort;
  readonly protocol: {
    registerSchemesAsPrivileged(schemes: CustomScheme[]): void;
    handle(scheme: string, handler: (request: PageRequest) => Promise<Response>): void;
  };
  readonly ipcMain: IpcMainPort;
  readonly dialog: DialogPort<W> & {
    showMessageBox(window: W, options: MessageBoxOptions): Promise<{ readonly response: number }>;
    showErrorBox(title: string, content: string): void;
  };
  readonly nativeTheme: { themeSource: 'system' | 'light' | 'dark'; readonly shouldUseDarkColors: boolean };
  readonly utility: UtilityPlatform<P, C>;
  createWindow(options: BrowserWindowConstructorOptions): W;
  /** Never shown, without script: for printing. */
  createPrintWindow(): PrintWindowPort;
  setMenu(template: MenuItemConstructorOptions[]): void;
  /** The session of the window; only once the app is ready. */
  defaultSession(): SessionPort;
  /** Work areas of the displays; only once the app is ready. */
  workAreas(): readonly Rectangle[];
  openExternal(address: string): void;
  openFolder(path: string): void;
  notify(message: string): void;
}
