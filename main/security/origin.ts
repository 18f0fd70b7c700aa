/** The page's one address. Everything that checks an origin asks here. */
import type { CustomScheme } from 'electron';

export const APP_SCHEME = 'app';
export const APP_ORIGIN = 'app://edgewise';
export const PAGE_URL = `${APP_ORIGIN}/`;

/** Registered before the app is ready; no privilege beyond what a page on https has. */
export const appScheme: CustomScheme = {
  scheme: APP_SCHEME,
  privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true },
};

/** Parses an address of the page's own origin; undefined for every other address and for what is none. */
export function parseAppUrl(address: string): URL | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.protocol !== `${APP_SCHEME}:` || url.host !== 'edgewise') return undefined;
  return url.username === '' && url.password === '' ? url : undefined;
}
