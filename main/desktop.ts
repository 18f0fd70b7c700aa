/** The desktop shell from start to end: locks down, opens the console, gives it a window, and closes it in order. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { toEdgewiseError } from '../src/base/errors.ts';
import type { Clock } from '../src/base/ports.ts';
import type { Console, ConsoleOptions } from '../src/console/create-console.ts';
import type { Sample } from '../src/console/first-run.ts';
import type { ProcessEntries } from '../src/console/processes/entries.ts';
import { defaultSettings, settings as settingsSchema, type Settings } from '../src/contract/records/settings.ts';
import { createDialogs } from './dialogs.ts';
import type { ElectronPorts, WindowPort } from './electron-ports.ts';
import { mountRouter } from './ipc/mount-router.ts';
import { labelsOf, languageOf, type Labels } from './labels.ts';
import { menuTemplate } from './menu/menu.ts';
import type { UtilityChildPort } from './processes/electron-process-ports.ts';
import { createPagePrinter } from './print/page-printer.ts';
import { createUtilityHost } from './processes/utility-host.ts';
import { createAppProtocol } from './protocol/app-protocol.ts';
import { readPageFiles } from './protocol/page-files.ts';
import { startSample } from './sample.ts';
import { guardContents, lockSession, quietChromium } from './security/lockdown.ts';
import { APP_SCHEME, PAGE_URL, appScheme } from './security/origin.ts';
import { guardClosing } from './window/close-guard.ts';
import { recoverFromCrashes } from './window/crash-recovery.ts';
import { watchRunningJobs } from './window/running-jobs.ts';
import { windowOptions } from './window/window-options.ts';
import { loadWindowState, saveWindowState } from './window/window-state.ts';

export interface DesktopOptions<W extends WindowPort, P, C extends UtilityChildPort> {
  readonly electron: ElectronPorts<W, P, C>;
  readonly createConsole: (options: ConsoleOptions) => Promise<Console>;
  /** The folder that the console keeps everything in. */
  readonly dataFolder: string;
  readonly entries: ProcessEntries;
  /** Path of the built preload script. */
  readonly preload: string;
  /** Folder of the built page. */
  readonly pageFolder: string;
  readonly sample?: Sample;
  /** Put the shipped sample through its recipe where this is the first start. */
  readonly firstRun: boolean;
  readonly mac: boolean;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

export interface Desktop {
  /** Ends the program in order, without asking. Idempotent. */
  quit(): void;
}

/**
 * Must be called before Electron is ready: schemes and switches count from then on.
 * @returns undefined where another instance already has this data folder; that one comes to the front instead
 */
export function startDesktop<W extends WindowPort, P, C extends UtilityChildPort>(options: DesktopOptions<W, P, C>): Desktop | undefined {
  const { electron, log } = options;
  const { app } = electron;
  const devTools = !app.isPackaged;
  const profile = join(options.dataFolder, 'desktop');
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  app.setPath('userData', profile);
  quietChromium(app);
  app.enableSandbox();
  electron.protocol.registerSchemesAsPrivileged([appScheme]);
  app.on('session-created', (session) => lockSession(session, devTools));
  app.on('web-contents-created', (_event, contents) => guardContents(contents, (address) => electron.openExternal(address)));
  if (!app.requestSingleInstanceLock()) {
    log('Edgewise is open already; its window comes to the front.');
    app.quit();
    return undefined;
  }

  let settings: Settings = defaultSettings;
  let window: W | undefined;
  let console: Console | undefined;
  let quitting = false;
  const labels = (): Labels => labelsOf(languageOf(settings.locale, app.getLocale()));
  const page = (): W | undefined => (window === undefined || window.isDestroyed() ? undefined : window);

  const quit = (): void => {
    if (quitting) return;
    quitting = true;
    const open = page();
    if (open) {
      saveWindowState(stateFile, open.getNormalBounds(), open.isMaximized());
      open.hide();
    }
    void (console?.close() ?? Promise.resolve())
      .catch((error: unknown) => log(`closing: ${toEdgewiseError(error).message}`))
      .then(() => app.quit());
  };
  const stateFile = join(profile, 'window.json');

  const comeToFront = (): void => {
    const open = page();
    if (open === undefined || quitting) return;
    if (open.isMinimized()) open.restore();
    open.show();
    open.focus();
  };
  app.on('second-instance', comeToFront);
  app.on('activate', comeToFront);
  // Leaving is decided where the window closes; this only replaces Electron's own way of leaving.
  app.on('window-all-closed', () => {
    if (quitting) app.quit();
  });

  const applySettings = (next: Settings): void => {
    settings = next;
    electron.nativeTheme.themeSource = next.theme;
    electron.setMenu(menuTemplate({ labels: labels(), mac: options.mac, devTools, showDataFolder: () => electron.openFolder(options.dataFolder) }));
  };

  const open = async (): Promise<void> => {
    lockSession(electron.defaultSession(), devTools);
    const files = readPageFiles(options.pageFolder);
    const printer = createPagePrinter(() => electron.createPrintWindow());
    const opened = await options.createConsole({
      printer,
      dataFolder: options.dataFolder,
      processHost: createUtilityHost({ platform: electron.utility, inferenceChild: options.entries.inferenceChild }),
      entries: options.entries,
      host: 'desktop',
      version: app.getVersion(),
      dialogs: createDialogs({ dialog: electron.dialog, window: page, labels }),
      ...(options.sample === undefined ? {} : { sample: options.sample }),
      log,
    });
    console = opened;
    if (quitting) return opened.close();
    electron.protocol.handle(APP_SCHEME, createAppProtocol(files, opened, (path) => printer.page(path)));
    mountRouter({ ipcMain: electron.ipcMain, router: opened.router, events: opened.events, page: () => page()?.webContents });
    applySettings(await storedSettings(opened));
    opened.events.subscribe((event) => {
      if (event.type === 'settings.changed') applySettings(event.settings);
    });

    const state = loadWindowState(stateFile, electron.workAreas());
    const made = electron.createWindow(windowOptions({ preload: options.preload, state, devTools, dark: electron.nativeTheme.shouldUseDarkColors }));
    window = made;
    if (state.maximized) made.maximize();
    made.once('ready-to-show', () => made.show());
    guardClosing({
      window: made,
      jobs: watchRunningJobs(opened.events, opened.jobs.list()),
      labels,
      ask: (parent, question) => electron.dialog.showMessageBox(parent, question),
      quit,
      quitting: () => quitting,
      notify: (message) => electron.notify(message),
    });
    recoverFromCrashes({
      contents: made.webContents,
      reload: () => made.webContents.reload(),
      quit,
      labels,
      ask: (question) => electron.dialog.showMessageBox(made, question),
      log,
      clock: options.clock,
    });
    await made.loadURL(PAGE_URL);
    if (options.firstRun) await startSample(opened, log);
  };

  void app
    .whenReady()
    .then(open)
    .catch(async (thrown: unknown) => {
      const error = toEdgewiseError(thrown);
      log(`${error.code}: ${error.message}`);
      electron.dialog.showErrorBox(labels().startFailed, [error.message, error.hint].filter((part) => part !== undefined).join('\n\n'));
      await console?.close().catch(() => {});
      app.exit(error.exitCode);
    });
  return { quit };
}

async function storedSettings(console: Console): Promise<Settings> {
  const answer = await console.router.call({ id: 0, route: 'settings.get', input: {} }, { trusted: true });
  return answer.ok ? settingsSchema.parse(answer.data) : defaultSettings;
}
