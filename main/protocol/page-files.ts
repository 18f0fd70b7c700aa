/**
 * The page's files, read once at start into a map by request path. A request is answered from the map or not at all: no path of a
 * request ever reaches the file system, so that dots, encodings and links have nothing to lead to.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { EdgewiseError } from '../../src/base/errors.ts';

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/**
 * Reads every regular file below `folder`; links and special files are left out. `/` is index.html.
 * @throws EdgewiseError FILE_NOT_FOUND where the page has not been built
 */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  try {
    collect(folder, '', files);
  } catch (cause) {
    throw new EdgewiseError('FILE_NOT_FOUND', `The page's files cannot be read from ${folder}.`, { hint: 'Build the project: npm run setup', cause });
  }
  const index = files.get('/index.html');
  if (index === undefined) throw new EdgewiseError('FILE_NOT_FOUND', `There is no index.html in ${folder}.`, { hint: 'Build the project: npm run setup' });
  return files.set('/', index);
}

function collect(folder: string, prefix: string, files: Map<string, PageFile>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const key = `${prefix}/${encodeURIComponent(entry.name)}`;
    if (entry.isDirectory()) collect(path, key, files);
    else if (entry.isFile()) files.set(key, { type: TYPES[extname(entry.name)] ?? 'application/octet-stream', bytes: new Uint8Array(readFileSync(path)) });
  }
}
