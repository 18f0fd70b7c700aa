/** The shell from start to end, with a console of its own making: what is asked of Electron, in which order, and how it ends. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import type { Console, ConsoleOptions } from '../src/console/create-console.ts';
import { createEventHub, type EventHub } from '../src/console/events.ts';
import type { JobRecord, JobState } from '../src/contract/records/job.ts';
import { defaultSettings, type Settings } from '../src/contract/records/settings.ts';
import { startDesktop, type Desktop } from './desktop.ts';
import { CALL_CHANNEL } from './ipc/channels.ts';
import { FakeContents, fakeElectron, type FakeElectron, type FakeWindow } from './testing/fake-electron.ts';

let folder = '';
let electron: FakeElectron;
let events: EventHub;
let given: ConsoleOptions | undefined;
let settings: Settings;
let jobs: JobRecord[];
let closed: number;
let firstRuns: number;
let failure: Error | undefined;
let logged: string[];
let now: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-desktop-'));
  mkdirSync(join(folder, 'page'));
  writeFileSync(join(folder, 'page/index.html'), '<!doctype html>');
  electron = fakeElectron();
  events = createEventHub(() => {});
  given = undefined;
  settings = defaultSettings;
  jobs = [];
  closed = 0;
  firstRuns = 0;
  failure = undefined;
  logged = [];
  now = 0;
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function job(state: JobState, id = 'job'): JobRecord {
  return { id, kind: 'optimize', title: 'm · int8', state, input: { modelId: 'm', recipe: 'int8' }, progress: null, result: null, error: null, createdAt: '', startedAt: null, endedAt: null };
}

function start(firstRun = false): Desktop | undefined {
  return startDesktop({
    electron,
    createConsole: (options) => {
      given = options;
      if (failure) return Promise.reject(failure);
      const console = {
        events,
        router: {
          call: (frame: { route: string }, sender: { trusted: boolean }) =>
            Promise.resolve(sender.trusted ? { ok: true, data: frame.route === 'settings.get' ? settings : frame } : { ok: false, error: { code: 'FORBIDDEN', message: 'no' } }),
        },
        jobs: { list: () => jobs },
        firstRun: () => {
          firstRuns++;
          return Promise.resolve(undefined);
        },
        close: () => {
          closed++;
          return Promise.resolve();
        },
      };
      return Promise.resolve(console as unknown as Console);
    },
    dataFolder: join(folder, 'data'),
    entries: { jobProcess: '/job.js', inferenceChild: '/inference.js' },
    preload: '/preload.cjs',
    pageFolder: join(folder, 'page'),
    firstRun,
    mac: false,
    clock: () => now,
    log: (line) => logged.push(line),
  });
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

async function opened(firstRun = false): Promise<FakeWindow> {
  start(firstRun);
  electron.app.ready();
  await settle();
  const window = electron.windows[0];
  if (window === undefined) throw new Error(`no window was opened: ${electron.errorBoxes.join()}`);
  return window;
}

describe('the start', () => {
  it('locks Electron down before it is ready, and keeps its profile in the data folder', () => {
    start();
    expect(electron.app.sandboxed).toBe(true);
    expect(electron.schemes.map((scheme) => scheme.scheme)).toEqual(['app']);
    expect(electron.app.switches).toContain('host-resolver-rules=MAP * ~NOTFOUND');
    expect(electron.app.paths['userData']).toBe(join(folder, 'data/desktop'));
    expect(electron.windows).toEqual([]);
  });

  it('prints reports by itself, from its own protocol', async () => {
    await opened();
    expect(new TextDecoder().decode(await given?.printer?.print('<p></p>'))).toBe('%PDF-');
    expect(electron.printed).toEqual([expect.stringMatching(/^app:\/\/edgewise\/print\/[0-9a-f-]{36}$/)]);
  });

  it('opens one window on the page, over a locked session', async () => {
    const window = await opened();
    expect(window.url).toBe('app://edgewise/');
    expect(window.visible).toBe(true);
    expect(electron.session.check?.()).toBe(false);
    expect(electron.session.lets('https://example.com/')).toBe(false);
    expect([...electron.protocolHandlers.keys()]).toEqual(['app']);
    expect(given).toMatchObject({ host: 'desktop', dataFolder: join(folder, 'data'), version: '0.0.1' });
    expect(given?.dialogs).toBeDefined();
  });

  it('guards every contents and locks every session that ever comes to be', async () => {
    await opened();
    const contents = new FakeContents(9);
    electron.app.emit('web-contents-created', {}, contents);
    expect(contents.attempt('will-navigate', 'https://example.com/')).toBe(true);
    const session = fakeElectron().session;
    electron.app.emit('session-created', session);
    expect(session.lets('https://example.com/')).toBe(false);
  });

  it('has developer tools in development only', async () => {
    electron.app.isPackaged = true;
    const window = await opened();
    expect(window.options.webPreferences?.devTools).toBe(false);
    expect(JSON.stringify(electron.menus)).not.toContain('toggleDevTools');
    expect(electron.session.lets('devtools://devtools/x.js')).toBe(false);
  });

  it('answers the page and refuses others', async () => {
    const window = await opened();
    const own = { senderFrame: window.webContents.mainFrame, sender: window.webContents };
    expect(await electron.invoke(CALL_CHANNEL, own, { id: 1, route: 'x', input: {} })).toMatchObject({ ok: true });
    expect(await electron.invoke(CALL_CHANNEL, { ...own, senderFrame: null }, { id: 1, route: 'x', input: {} })).toMatchObject({ ok: false, error: { code: 'FORBIDDEN' } });
  });

  it('leaves the data folder to an instance that is open already', async () => {
    electron.app.firstInstance = false;
    expect(start()).toBeUndefined();
    electron.app.ready();
    await settle();
    expect(electron.app.quits).toBe(1);
    expect(given).toBeUndefined();
  });

  it('comes to the front when it is started again', async () => {
    const window = await opened();
    window.minimized = true;
    window.visible = false;
    electron.app.emit('second-instance');
    expect([window.minimized, window.visible, window.focused]).toEqual([false, true, 1]);
  });

  it('says why it cannot start, and ends with that error\'s code', async () => {
    failure = new EdgewiseError('CONFLICT', 'Another Edgewise is using the data folder.', { hint: 'Use the other window.' });
    start();
    electron.app.ready();
    await settle();
    expect(electron.errorBoxes).toEqual(['Edgewise could not start: Another Edgewise is using the data folder.\n\nUse the other window.']);
    expect(electron.app.exitCode).toBe(1);
  });

  it('says that the page has not been built', async () => {
    rmSync(join(folder, 'page/index.html'));
    start();
    electron.app.ready();
    await settle();
    expect(electron.errorBoxes[0]).toContain('npm run setup');
    expect(electron.app.exitCode).toBe(3);
  });

  it('runs the sample where it is asked to', async () => {
    await opened(true);
    expect(firstRuns).toBe(1);
  });
});

describe('settings', () => {
  it('give menu and native parts their language and theme, at once when they change', async () => {
    settings = { ...defaultSettings, theme: 'dark', locale: 'zh-CN' };
    await opened();
    expect(electron.nativeTheme.themeSource).toBe('dark');
    expect(electron.menus.at(-1)?.[0]?.label).toBe('文件');
    events.emit({ type: 'settings.changed', settings: { ...settings, theme: 'light', locale: 'en' } });
    expect(electron.nativeTheme.themeSource).toBe('light');
    expect(electron.menus.at(-1)?.[0]?.label).toBe('File');
  });

  it('follow the system where nothing is chosen', async () => {
    electron.app.locale = 'zh-TW';
    await opened();
    expect(electron.menus.at(-1)?.[0]?.label).toBe('文件');
    expect(electron.nativeTheme.themeSource).toBe('system');
  });
});

describe('closing the window', () => {
  it('closes the console first and then leaves, where nothing runs', async () => {
    const window = await opened();
    expect(window.close()).toBe(false);
    await settle();
    expect(electron.questions).toEqual([]);
    expect([closed, electron.app.quits]).toEqual([1, 1]);
    expect(window.close()).toBe(true);
  });

  it('asks while a job runs, and stays where the person thinks better of it', async () => {
    jobs = [job('running')];
    const window = await opened();
    electron.answer = 2;
    window.close();
    window.close();
    await settle();
    expect(electron.questions).toHaveLength(1);
    expect(electron.questions[0]?.buttons).toEqual(['Keep working in the background', 'Stop and quit', 'Cancel']);
    expect([closed, electron.app.quits, window.visible]).toEqual([0, 0, true]);
  });

  it('stops the work where the person says so', async () => {
    const window = await opened();
    events.emit({ type: 'job.updated', job: job('queued') });
    electron.answer = 1;
    window.close();
    await settle();
    expect([closed, electron.app.quits]).toEqual([1, 1]);
  });

  it('works on without a window, and leaves with a word when the last job has ended', async () => {
    jobs = [job('running', 'a'), job('queued', 'b')];
    const window = await opened();
    electron.answer = 0;
    window.close();
    await settle();
    expect([window.visible, electron.app.quits]).toEqual([false, 0]);
    events.emit({ type: 'job.updated', job: job('succeeded', 'a') });
    await settle();
    expect(electron.app.quits).toBe(0);
    events.emit({ type: 'job.updated', job: job('failed', 'b') });
    await settle();
    expect(electron.notices).toEqual(['The work in the background has ended.']);
    expect([closed, electron.app.quits]).toEqual([1, 1]);
  });

  it('does not leave under a person who has opened the window again', async () => {
    jobs = [job('running')];
    const window = await opened();
    window.close();
    await settle();
    electron.app.emit('second-instance');
    events.emit({ type: 'job.updated', job: job('succeeded') });
    await settle();
    expect([window.visible, electron.app.quits]).toEqual([true, 0]);
  });

  it('keeps where the window was', async () => {
    const window = await opened();
    window.maximized = true;
    window.close();
    await settle();
    expect(JSON.parse(readFileSync(join(folder, 'data/desktop/window.json'), 'utf8'))).toEqual({ bounds: { x: 10, y: 20, width: 1000, height: 700 }, maximized: true });
    electron = fakeElectron();
    const again = await opened();
    expect(again.options).toMatchObject({ x: 10, y: 20, width: 1000, height: 700 });
    expect(again.maximized).toBe(true);
  });

  it('is not asked for by a signal: that ends the program in order at once', async () => {
    jobs = [job('running')];
    const desktop = start();
    electron.app.ready();
    await settle();
    desktop?.quit();
    desktop?.quit();
    await settle();
    expect([electron.questions.length, closed, electron.app.quits]).toEqual([0, 1, 1]);
  });
});

describe('a crashed page', () => {
  const crash = { reason: 'crashed', exitCode: 5 };

  it('is loaded again with a word, and after three crashes in a minute only when the person wants it', async () => {
    const { webContents } = await opened();
    webContents.emit('render-process-gone', {}, crash);
    webContents.emit('render-process-gone', {}, crash);
    await settle();
    expect([webContents.reloads, electron.questions.length]).toEqual([2, 2]);
    electron.answer = 1;
    webContents.emit('render-process-gone', {}, crash);
    await settle();
    expect(webContents.reloads).toBe(2);
    expect(electron.questions.at(-1)?.buttons).toEqual(['Load again', 'Quit Edgewise']);
    expect([closed, electron.app.quits]).toEqual([1, 1]);
  });

  it('may crash now and then', async () => {
    const { webContents } = await opened();
    for (now = 0; now < 10 * 61_000; now += 61_000) webContents.emit('render-process-gone', {}, crash);
    webContents.emit('render-process-gone', {}, { reason: 'clean-exit', exitCode: 0 });
    expect(webContents.reloads).toBe(10);
  });
});

describe('native dialogs', () => {
  it('give the console the chosen path, or null', async () => {
    await opened();
    electron.choice = '/home/me/net.onnx';
    expect(await given?.dialogs?.open('model')).toBe('/home/me/net.onnx');
    expect(await given?.dialogs?.save('../../etc/net.onnx')).toBe('/home/me/net.onnx');
    expect(electron.fileDialogs[1]).toMatchObject({ defaultPath: '.._.._etc_net.onnx' });
    electron.choice = undefined;
    expect(await given?.dialogs?.open('data-folder')).toBeNull();
    expect(electron.fileDialogs[2]).toMatchObject({ properties: ['openDirectory'] });
    expect(await given?.dialogs?.save('x.onnx')).toBeNull();
  });
});
