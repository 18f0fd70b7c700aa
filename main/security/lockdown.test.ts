import { describe, expect, it } from 'vitest';
import { FakeContents, FakeSession } from '../testing/fake-electron.ts';
import { EXTERNAL_HOSTS, externalLink } from './links.ts';
import { guardContents, lockSession, mayRequest } from './lockdown.ts';
import { appScheme, parseAppUrl } from './origin.ts';

const FOREIGN = [
  'http://example.com/',
  'https://example.com/',
  'https://onnx.ai/',
  'ws://127.0.0.1:9229/',
  'wss://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'data:text/html,hello',
  'blob:https://example.com/1',
  'chrome://gpu/',
  'javascript:alert(1)',
  'about:blank',
  'app://evil/',
  'app://edgewise.evil/',
  'app://edgewise:81/',
  'app://user@edgewise/',
  'https://edgewise/',
  'APPS://edgewise/',
  '',
  'not an address',
];

describe('a locked session', () => {
  const session = new FakeSession();
  lockSession(session, false);

  it('denies every permission: asked, checked, device', () => {
    const answers: boolean[] = [];
    for (const permission of ['media', 'clipboard-read', 'clipboard-sanitized-write', 'notifications', 'openExternal', 'fileSystem', 'geolocation']) {
      session.request?.({}, permission, (granted) => answers.push(granted));
    }
    expect(answers).toHaveLength(7);
    expect(answers.every((granted) => granted === false)).toBe(true);
    expect(session.check?.()).toBe(false);
    expect(session.device?.()).toBe(false);
  });

  it('checks no spelling, which would fetch dictionaries', () => expect(session.spellChecker).toBe(false));

  it.each(FOREIGN)('lets no request to "%s" leave', (url) => expect(session.lets(url)).toBe(false));

  it.each(['app://edgewise/', 'app://edgewise/assets/index.js', 'blob:app://edgewise/0a1b'])('lets the page load its own %s', (url) => expect(session.lets(url)).toBe(true));

  it('loads the developer tools in development only', () => {
    expect(mayRequest('devtools://devtools/bundled/index.html', true)).toBe(true);
    expect(mayRequest('devtools://devtools/bundled/index.html', false)).toBe(false);
  });
});

describe('guarded contents', () => {
  const opened: string[] = [];
  const contents = new FakeContents(1);
  guardContents(contents, (address) => opened.push(address));

  it('attach no webview', () => expect(contents.attempt('will-attach-webview')).toBe(true));

  it.each(FOREIGN)('do not navigate to "%s"', (url) => {
    expect(contents.attempt('will-navigate', url)).toBe(true);
    expect(contents.attempt('will-frame-navigate', url)).toBe(true);
  });

  it('follow no redirect, not even to the page itself', () => expect(contents.attempt('will-redirect', 'app://edgewise/')).toBe(true));

  it('load the page again, and save what it offers', () => {
    expect(contents.attempt('will-navigate', 'app://edgewise/#/models')).toBe(false);
    expect(contents.attempt('will-navigate', 'app://edgewise/download/models/1')).toBe(false);
    expect(contents.attempt('will-navigate', 'app://edgewise/assets/index.js')).toBe(true);
  });

  it('open no window, and hand only listed https links to the browser', () => {
    opened.length = 0;
    for (const url of FOREIGN) expect(contents.openHandler?.({ url })).toEqual({ action: 'deny' });
    expect(opened).toEqual(['https://onnx.ai/']);
  });

  it('use no UDP beside the proxy', () => expect(contents.webRtc).toBe('disable_non_proxied_udp'));
});

describe('links', () => {
  it('leave for listed hosts over https only', () => {
    for (const host of EXTERNAL_HOSTS) expect(externalLink(`https://${host}/docs`)).toBe(`https://${host}/docs`);
    for (const url of ['http://onnx.ai/', 'https://onnx.ai:8443/', 'https://a@onnx.ai/', 'https://onnx.ai.evil.com/', 'https://evil.com/onnx.ai', 'ONNX.AI', 'file:///onnx.ai']) {
      expect(externalLink(url), url).toBeUndefined();
    }
  });
});

describe('the page\'s scheme', () => {
  it('has a web page\'s rights and no more', () => {
    expect(appScheme.privileges).toEqual({ standard: true, secure: true, supportFetchAPI: true, stream: true });
  });

  it('knows its own origin only', () => {
    expect(parseAppUrl('app://edgewise/x')?.pathname).toBe('/x');
    for (const url of FOREIGN) expect(parseAppUrl(url), url).toBeUndefined();
  });
});
