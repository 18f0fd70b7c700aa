import { describe, expect, it } from 'vitest';
import type { ConsoleEvent } from '../../src/contract/rpc/events.ts';
import { createEventHub } from '../../src/console/events.ts';
import type { Router, Sender } from '../../src/console/router.ts';
import { createBridge } from '../preload/bridge.ts';
import { fakeElectron, FakeContents, type FakeElectron } from '../testing/fake-electron.ts';
import { CALL_CHANNEL, EVENT_CHANNEL } from './channels.ts';
import { mountRouter } from './mount-router.ts';
import { isOwnPage, type CallEvent, type FramePort } from './sender.ts';

const event: ConsoleEvent = { type: 'model.removed', id: 'm' };

/** A page as Electron describes it: its main frame and its contents. */
function pageAt(frame: Partial<FramePort> = {}): CallEvent {
  const mainFrame: FramePort = { url: 'app://edgewise/', origin: 'app://edgewise', parent: null, ...frame };
  return { senderFrame: mainFrame, sender: { id: 1, mainFrame } };
}

describe('the sender check', () => {
  it('knows the window\'s own page', () => {
    expect(isOwnPage(pageAt(), 1)).toBe(true);
    expect(isOwnPage(pageAt({ url: 'app://edgewise/#/models/3' }), 1)).toBe(true);
  });

  it.each([
    ['a frame inside the page', { ...pageAt(), senderFrame: { url: 'app://edgewise/', origin: 'app://edgewise', parent: {} } }],
    ['about:blank', pageAt({ url: 'about:blank', origin: 'null' })],
    ['about:blank that inherits the origin', pageAt({ url: 'about:blank' })],
    ['an empty address', pageAt({ url: '' })],
    ['another host of the scheme', pageAt({ url: 'app://evil/', origin: 'app://evil' })],
    ['a web page', pageAt({ url: 'https://edgewise/', origin: 'https://edgewise' })],
    ['a file', pageAt({ url: 'file:///index.html', origin: 'file://' })],
    ['an opaque origin at the right address', pageAt({ origin: 'null' })],
    ['a frame that has gone', { ...pageAt(), senderFrame: null }],
  ])('refuses %s', (_what, sender) => expect(isOwnPage(sender, 1)).toBe(false));

  it('refuses another window, and everybody while there is none', () => {
    expect(isOwnPage(pageAt(), 2)).toBe(false);
    expect(isOwnPage(pageAt(), undefined)).toBe(false);
  });
});

describe('calls and events', () => {
  function mount() {
    const electron: FakeElectron = fakeElectron();
    const contents = new FakeContents(1);
    const calls: { frame: unknown; sender: Sender }[] = [];
    const router: Router = {
      call: (frame, sender) => {
        calls.push({ frame, sender });
        return Promise.resolve(sender.trusted ? { ok: true, data: 'done' } : { ok: false, error: { code: 'FORBIDDEN', message: 'no' } });
      },
    };
    const events = createEventHub(() => {});
    const unmount = mountRouter({ ipcMain: electron.ipcMain, router, events, page: () => contents });
    const own: CallEvent = { senderFrame: contents.mainFrame, sender: contents };
    return { electron, contents, calls, events, unmount, own };
  }

  it('reach the router with what is known about the sender', async () => {
    const { electron, calls, own } = mount();
    expect(await electron.invoke(CALL_CHANNEL, own, { id: 1, route: 'jobs.list', input: {} })).toEqual({ ok: true, data: 'done' });
    expect(await electron.invoke(CALL_CHANNEL, { ...own, senderFrame: null }, { id: 2 })).toMatchObject({ ok: false });
    expect(calls.map((call) => call.sender.trusted)).toEqual([true, false]);
    expect(calls[0]?.frame).toEqual({ id: 1, route: 'jobs.list', input: {} });
  });

  it('end when taken off', async () => {
    const { electron, contents, events, own, unmount } = mount();
    events.emit(event);
    unmount();
    events.emit(event);
    expect(contents.sent).toEqual([{ channel: EVENT_CHANNEL, message: event }]);
    await expect(electron.invoke(CALL_CHANNEL, own, {})).rejects.toThrow('No handler');
  });

  it('pass through the bridge in both directions', async () => {
    const { electron, own } = mount();
    const listeners = new Set<(event: unknown, message: ConsoleEvent) => void>();
    const bridge = createBridge({
      invoke: (channel, frame) => electron.invoke(channel, own, frame),
      on: (_channel, listener) => listeners.add(listener),
      removeListener: (_channel, listener) => listeners.delete(listener),
    });
    expect(await bridge.invoke('jobs.list', {})).toEqual({ ok: true, data: 'done' });
    const seen: unknown[][] = [];
    const stop = bridge.on('event', (...given: unknown[]) => seen.push(given));
    for (const listener of listeners) listener({ sender: 'secret' }, event);
    stop();
    // The callback gets the event alone: Electron's event object would hand the page its sender.
    expect(seen).toEqual([[event]]);
    expect(listeners.size).toBe(0);
  });

  it('answer where Electron itself fails', async () => {
    const bridge = createBridge({ invoke: () => Promise.reject(new Error('gone')), on: () => {}, removeListener: () => {} });
    expect(await bridge.invoke('jobs.list', {})).toMatchObject({ ok: false, error: { code: 'INTERNAL', message: 'gone' } });
    expect(() => bridge.on('edgewise:call' as 'event', () => {})).toThrow(TypeError);
  });
});
