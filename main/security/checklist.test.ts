/** Electron's security checklist, asserted on the source and on what the shell asks Electron for. The list with its places: docs/desktop.md. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contentSecurityPolicy, pageHeaders } from '../../src/contract/csp.ts';
import { BRIDGE_KEYS, createBridge } from '../preload/bridge.ts';
import { windowOptions } from '../window/window-options.ts';
import { fuses } from './fuses.ts';

const root = join(import.meta.dirname, '../..');

function sources(): { name: string; text: string }[] {
  return ['main', 'src', 'renderer'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|vue|html|mjs|js)$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ name: path.slice(root.length + 1), text: readFileSync(path, 'utf8') })),
  );
}

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['web security switched off', /webSecurity['"]?\s*:\s*false|disable-web-security/],
  ['node in the page', /nodeIntegration\w*['"]?\s*:\s*true/],
  ['one world for page and preload', /contextIsolation['"]?\s*:\s*false/],
  ['no sandbox', /\bsandbox['"]?\s*:\s*false|['"`](--)?no-sandbox/],
  ['experimental features', /experimentalFeatures|experimentalCanvasFeatures|enable-experimental-web-platform-features/],
  ['blink flags', /enableBlinkFeatures|enable-blink-features/],
  ['insecure content', /allowRunningInsecureContent['"]?\s*:\s*true/],
  ['webview tags', /webviewTag['"]?\s*:\s*true|<webview/],
  ['a scheme around the policy', /bypassCSP|allowServiceWorkers['"]?\s*:\s*true/],
  ['the remote module', /@electron\/remote|enableRemoteModule/],
  ['page from a file address', /\.loadFile\(|loadURL\(['"`]file:/],
  ['an ignored certificate', /ignore-certificate-errors|setCertificateVerifyProc/],
  ['raw HTML in the page', /v-html|insertAdjacentHTML|document\.write\(/],
  ['code from text', /\beval\(|new Function\(/],
];

/** Not Electron's: another Chromium, as root only, where its sandbox cannot start, on a page of our own without script and without anything to fetch. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = { 'no sandbox': ['src/console/savings/print-pdf.ts'] };

describe('the source', () => {
  const files = sources();

  it('is really looked at', () => {
    expect(files.map((file) => file.name)).toEqual(expect.arrayContaining(['main/index.ts', 'main/security/lockdown.ts']));
  });

  it.each(FORBIDDEN)('has no %s', (what, pattern) => {
    expect(files.filter((file) => pattern.test(file.text)).map((file) => file.name)).toEqual(ELSEWHERE[what] ?? []);
  });

  it('declares no name that the bundler puts at the top of its modules: two of them in one chunk do not load', () => {
    const declared = /\b(?:function|const|let|var) (?:require|__filename|__dirname)\b/;
    expect(files.filter((file) => !file.name.startsWith('renderer/') && declared.test(file.text)).map((file) => file.name)).toEqual([]);
  });

  it('imports electron in two places only: the adapter and the preload script', () => {
    const importers = files.filter((file) => /import(?! type)[^;]*from 'electron'|require\(['"]electron['"]\)/.test(file.text)).map((file) => file.name);
    expect(importers.toSorted()).toEqual(['main/electron-adapter.ts', 'main/preload/index.ts']);
  });

  it('lets the preload script reach nothing but electron and its own bridge', () => {
    const text = ['index.ts', 'bridge.ts'].map((name) => readFileSync(join(root, 'main/preload', name), 'utf8')).join('\n');
    const values = [...text.matchAll(/^import (?!type)[^;]*from '([^']+)'/gm)].map((match) => match[1]);
    expect(values).toEqual(['electron', './bridge.ts', '../ipc/channels.ts']);
  });
});

describe('the window', () => {
  it('is made with every switch written out', () => {
    const { webPreferences } = windowOptions({ preload: '/preload.cjs', state: { bounds: { width: 1, height: 1 }, maximized: false }, devTools: false, dark: true });
    expect(webPreferences).toEqual({
      preload: '/preload.cjs',
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
      devTools: false,
    });
  });
});

describe('the policy', () => {
  it('allows nothing unsafe, inline or foreign', () => {
    const policy = contentSecurityPolicy();
    expect(policy).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(policy.split('; ')).toEqual(expect.arrayContaining(["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]));
    expect(contentSecurityPolicy(['ws://127.0.0.1:1'])).toContain("connect-src 'self' ws://127.0.0.1:1;");
    expect(pageHeaders()['X-Content-Type-Options']).toBe('nosniff');
  });
});

describe('the keys that the page sees', () => {
  it('are these two, and cannot be changed', () => {
    const bridge = createBridge({ invoke: () => Promise.resolve({ ok: true, data: null }), on: () => {}, removeListener: () => {} });
    expect(Object.keys(bridge)).toEqual(['invoke', 'on']);
    expect(BRIDGE_KEYS).toEqual(['invoke', 'on']);
    expect(Object.isFrozen(bridge)).toBe(true);
  });
});

describe('the fuses', () => {
  it('are burnt as promised', () => {
    expect(fuses).toEqual({
      runAsNode: false,
      enableCookieEncryption: true,
      enableNodeOptionsEnvironmentVariable: false,
      enableNodeCliInspectArguments: false,
      enableEmbeddedAsarIntegrityValidation: true,
      onlyLoadAppFromAsar: true,
      grantFileProtocolExtraPrivileges: false,
    });
  });
});
