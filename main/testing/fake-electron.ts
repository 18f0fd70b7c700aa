/** Electron without a screen: keeps what the shell asked for, and lets a test play the person, the page and the operating system. */
import { EventEmitter } from 'node:events';
import type { BrowserWindowConstructorOptions, CustomScheme, MenuItemConstructorOptions, MessageBoxOptions, OpenDialogOptions, SaveDialogOptions } from 'electron';
import type { AppPort, ElectronPorts, WindowPort } from '../electron-ports.ts';
import type { CallEvent, FramePort } from '../ipc/sender.ts';
import type { PageRequest } from '../protocol/app-protocol.ts';
import type { ContentsPort, SessionPort } from '../security/lockdown.ts';
import { fakeUtility, type FakePort, type FakeUtility, type FakeUtilityChild, type Program } from './fake-utility.ts';

export class FakeSession implements SessionPort {
  request: Parameters<SessionPort['setPermissionRequestHandler']>[0] | undefined;
  check: (() => boolean) | undefined;
  device: (() => boolean) | undefined;
  spellChecker = true;
  private before: Parameters<SessionPort['webRequest']['onBeforeRequest']>[0] | undefined;
  readonly webRequest: SessionPort['webRequest'] = {
    onBeforeRequest: (listener) => {
      this.before = listener;
    },
  };

  setPermissionRequestHandler(handler: Parameters<SessionPort['setPermissionRequestHandler']>[0]): void {
    this.request = handler;
  }

  setPermissionCheckHandler(handler: () => boolean): void {
    this.check = handler;
  }

  setDevicePermissionHandler(handler: () => boolean): void {
    this.device = handler;
  }

  setSpellCheckerEnabled(enabled: boolean): void {
    this.spellChecker = enabled;
  }

  /** Whether a request to this address would leave. */
  lets(url: string): boolean {
    let cancelled = false;
    this.before?.({ url }, (response) => {
      cancelled = response.cancel === true;
    });
    return !cancelled;
  }
}

export class FakeContents extends EventEmitter implements ContentsPort {
  readonly id: number;
  readonly mainFrame: FramePort = { url: 'app://edgewise/', origin: 'app://edgewise', parent: null };
  readonly sent: { channel: string; message: unknown }[] = [];
  reloads = 0;
  webRtc = '';
  openHandler: ((details: { readonly url: string }) => { action: 'deny' }) | undefined;

  constructor(id: number) {
    super();
    this.id = id;
  }

  setWindowOpenHandler(handler: (details: { readonly url: string }) => { action: 'deny' }): void {
    this.openHandler = handler;
  }

  setWebRTCIPHandlingPolicy(policy: string): void {
    this.webRtc = policy;
  }

  isDestroyed(): boolean {
    return false;
  }

  send(channel: string, message: unknown): void {
    this.sent.push({ channel, message: structuredClone(message) });
  }

  reload(): void {
    this.reloads++;
  }

  /** Plays an event that can be prevented. @returns whether it was */
  attempt(event: string, url = ''): boolean {
    let prevented = false;
    this.emit(event, {
      url,
      preventDefault: () => {
        prevented = true;
      },
    });
    return prevented;
  }
}

export class FakeWindow extends EventEmitter implements WindowPort {
  readonly webContents: FakeContents;
  readonly options: BrowserWindowConstructorOptions;
  url = '';
  visible = false;
  focused = 0;
  minimized = false;
  maximized = false;
  destroyed = false;

  constructor(id: number, options: BrowserWindowConstructorOptions) {
    super();
    this.webContents = new FakeContents(id);
    this.options = options;
  }

  loadURL(url: string): Promise<void> {
    this.url = url;
    queueMicrotask(() => this.emit('ready-to-show'));
    return Promise.resolve();
  }

  show(): void {
    this.visible = true;
  }

  hide(): void {
    this.visible = false;
  }

  focus(): void {
    this.focused++;
  }

  restore(): void {
    this.minimized = false;
  }

  maximize(): void {
    this.maximized = true;
  }

  isVisible(): boolean {
    return this.visible;
  }

  isMinimized(): boolean {
    return this.minimized;
  }

  isMaximized(): boolean {
    return this.maximized;
  }

  isDestroyed(): boolean {
    return this.destroyed;
  }

  getNormalBounds(): { x: number; y: number; width: number; height: number } {
    return { x: 10, y: 20, width: 1000, height: 700 };
  }

  /** The person closes the window. @returns whether it closed */
  close(): boolean {
    let prevented = false;
    this.emit('close', {
      preventDefault: () => {
        prevented = true;
      },
    });
    this.destroyed ||= !prevented;
    return !prevented;
  }
}

class FakeApp extends EventEmitter {
  isPackaged = false;
  readonly switches: string[] = [];
  readonly paths: Record<string, string> = {};
  sandboxed = false;
  firstInstance = true;
  quits = 0;
  exitCode: number | undefined;
  locale = 'en-GB';
  private becomeReady: () => void = () => {};
  private readonly readiness = new Promise<void>((resolve) => {
    this.becomeReady = resolve;
  });
  readonly commandLine = {
    appendSwitch: (name: string, value?: string): void => {
      this.switches.push(value === undefined ? name : `${name}=${value}`);
    },
  };

  ready(): void {
    this.becomeReady();
  }

  getVersion(): string {
    return '0.0.1';
  }

  getLocale(): string {
    return this.locale;
  }

  setPath(name: string, path: string): void {
    this.paths[name] = path;
  }

  enableSandbox(): void {
    this.sandboxed = true;
  }

  requestSingleInstanceLock(): boolean {
    return this.firstInstance;
  }

  whenReady(): Promise<void> {
    return this.readiness;
  }

  quit(): void {
    this.quits++;
  }

  exit(code: number): void {
    this.exitCode = code;
  }
}

export interface FakeElectron extends ElectronPorts<FakeWindow, FakePort, FakeUtilityChild> {
  readonly app: FakeApp & AppPort;
  readonly utility: FakeUtility;
  readonly schemes: CustomScheme[];
  readonly protocolHandlers: Map<string, (request: PageRequest) => Promise<Response>>;
  readonly session: FakeSession;
  readonly windows: FakeWindow[];
  readonly menus: MenuItemConstructorOptions[][];
  readonly external: string[];
  readonly folders: string[];
  readonly notices: string[];
  /** Addresses that were printed. */
  readonly printed: string[];
  readonly errorBoxes: string[];
  readonly questions: MessageBoxOptions[];
  readonly fileDialogs: (OpenDialogOptions | SaveDialogOptions)[];
  /** What the person answers to the next question: the button's index. */
  answer: number;
  /** What the person chooses in the next file dialog; undefined dismisses it. */
  choice: string | undefined;
  /** Calls a channel as a page would. */
  invoke(channel: string, event: CallEvent, message: unknown): Promise<unknown>;
}

export function fakeElectron(programs: Readonly<Record<string, Program>> = {}): FakeElectron {
  const handlers = new Map<string, (event: CallEvent, frame: unknown) => Promise<unknown>>();
  const fake: FakeElectron = {
    app: new FakeApp(),
    utility: fakeUtility(programs),
    schemes: [],
    protocolHandlers: new Map(),
    session: new FakeSession(),
    windows: [],
    menus: [],
    external: [],
    folders: [],
    notices: [],
    printed: [],
    errorBoxes: [],
    questions: [],
    fileDialogs: [],
    answer: 0,
    choice: undefined,
    protocol: {
      registerSchemesAsPrivileged: (schemes) => void fake.schemes.push(...schemes),
      handle: (scheme, handler) => void fake.protocolHandlers.set(scheme, handler),
    },
    ipcMain: {
      handle: (channel, listener) => void handlers.set(channel, listener),
      removeHandler: (channel) => void handlers.delete(channel),
    },
    dialog: {
      showOpenDialog(_window, options) {
        fake.fileDialogs.push(options);
        return Promise.resolve({ canceled: fake.choice === undefined, filePaths: fake.choice === undefined ? [] : [fake.choice] });
      },
      showSaveDialog(_window, options) {
        fake.fileDialogs.push(options);
        return Promise.resolve({ canceled: fake.choice === undefined, filePath: fake.choice ?? '' });
      },
      showMessageBox(_window, options) {
        fake.questions.push(options);
        return Promise.resolve({ response: fake.answer });
      },
      showErrorBox: (title, content) => void fake.errorBoxes.push(`${title}: ${content}`),
    },
    nativeTheme: { themeSource: 'system', shouldUseDarkColors: false },
    createWindow(options) {
      const window = new FakeWindow(fake.windows.length + 1, options);
      fake.windows.push(window);
      return window;
    },
    createPrintWindow: () => ({
      loadURL: (url) => {
        fake.printed.push(url);
        return Promise.resolve();
      },
      printToPdf: () => Promise.resolve(new TextEncoder().encode('%PDF-')),
      destroy: () => {},
    }),
    setMenu: (template) => void fake.menus.push(template),
    defaultSession: () => fake.session,
    workAreas: () => [{ x: 0, y: 0, width: 1920, height: 1080 }],
    openExternal: (address) => void fake.external.push(address),
    openFolder: (path) => void fake.folders.push(path),
    notify: (message) => void fake.notices.push(message),
    invoke(channel, event, message) {
      const handler = handlers.get(channel);
      return handler === undefined ? Promise.reject(new Error(`No handler registered for '${channel}'`)) : handler(event, structuredClone(message));
    },
  };
  return fake;
}
