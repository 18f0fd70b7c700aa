/**
 * What the page may not do, whatever runs in it. Each rule stands by itself, so that one mistake elsewhere opens nothing:
 * Electron's security checklist, item by item, is in docs/desktop.md with the place of each.
 */
import { parseAppUrl } from './origin.ts';
import { externalLink } from './links.ts';

/** As much of an Electron session as is locked down. */
export interface SessionPort {
  setPermissionRequestHandler(handler: (contents: unknown, permission: string, callback: (granted: boolean) => void) => void): void;
  setPermissionCheckHandler(handler: () => boolean): void;
  setDevicePermissionHandler(handler: () => boolean): void;
  setSpellCheckerEnabled(enabled: boolean): void;
  readonly webRequest: {
    onBeforeRequest(listener: (details: { readonly url: string }, callback: (response: { cancel?: boolean }) => void) => void): void;
  };
}

interface Preventable {
  preventDefault(): void;
}

/** As much of an Electron web contents as is guarded. */
export interface ContentsPort {
  on(event: 'will-attach-webview', listener: (event: Preventable) => void): unknown;
  on(event: 'will-navigate', listener: (event: Preventable & { readonly url: string }) => void): unknown;
  on(event: 'will-frame-navigate', listener: (event: Preventable & { readonly url: string }) => void): unknown;
  on(event: 'will-redirect', listener: (event: Preventable & { readonly url: string }) => void): unknown;
  setWindowOpenHandler(handler: (details: { readonly url: string }) => { action: 'deny' }): void;
  setWebRTCIPHandlingPolicy(policy: 'disable_non_proxied_udp'): void;
}

export interface SwitchPort {
  readonly commandLine: { appendSwitch(name: string, value?: string): void };
}

/** Before the app is ready: Chromium resolves no host name and runs no service that would want one. */
export function quietChromium(app: SwitchPort): void {
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  app.commandLine.appendSwitch('disable-background-networking');
  app.commandLine.appendSwitch('disable-component-update');
}

/** @param devTools whether the developer tools may load their own files */
export function lockSession(session: SessionPort, devTools: boolean): void {
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  // The spell checker would fetch dictionaries.
  session.setSpellCheckerEnabled(false);
  session.webRequest.onBeforeRequest((details, callback) => callback({ cancel: !mayRequest(details.url, devTools) }));
}

/** Requests that may leave the page: to its own origin, and to blobs that it has made itself. */
export function mayRequest(address: string, devTools: boolean): boolean {
  if (parseAppUrl(address) !== undefined) return true;
  if (address.startsWith('blob:')) return parseAppUrl(address.slice('blob:'.length)) !== undefined;
  return devTools && address.startsWith('devtools://devtools/');
}

/** @param openExternal hands an address to the person's browser */
export function guardContents(contents: ContentsPort, openExternal: (address: string) => void): void {
  const refer = (address: string): void => {
    const link = externalLink(address);
    if (link !== undefined) openExternal(link);
  };
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.on('will-navigate', (event) => {
    if (mayNavigate(event.url)) return;
    event.preventDefault();
    refer(event.url);
  });
  contents.on('will-frame-navigate', (event) => {
    if (!mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    refer(url);
    return { action: 'deny' };
  });
  contents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
}

/** The page itself (a reload, another view of it) and the files that it offers for saving. */
function mayNavigate(address: string): boolean {
  const url = parseAppUrl(address);
  return url !== undefined && (url.pathname === '/' || url.pathname === '/index.html' || url.pathname.startsWith('/download/'));
}
