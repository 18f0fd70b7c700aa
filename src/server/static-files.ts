/** The built page. Its files are listed once at the start: what is not in the list does not exist, whatever a path says. */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.txt': 'text/plain; charset=utf-8',
};

interface StaticFile {
  readonly path: string;
  readonly type: string;
  readonly bytes: number;
}

export interface StaticFiles {
  /** Answers with the file of a URL path; false where there is none. */
  serve(urlPath: string, response: ServerResponse, headOnly: boolean): boolean;
}

export function createStaticFiles(folder: string): StaticFiles {
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const type = TYPES[extname(entry.name).toLowerCase()];
    if (type === undefined) continue;
    files.set(`/${relative(folder, path).split(sep).join('/')}`, { path, type, bytes: statSync(path).size });
  }
  const index = files.get('/index.html');
  if (index) files.set('/', index);
  return {
    serve(urlPath, response, headOnly) {
      const file = files.get(urlPath);
      if (file === undefined) return false;
      // Names under assets/ carry a hash of their content.
      const caching = urlPath.startsWith('/assets/') ? 'private, max-age=31536000, immutable' : 'no-store';
      response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.bytes, 'Cache-Control': caching });
      if (headOnly) response.end();
      else createReadStream(file.path).on('error', () => response.destroy()).pipe(response);
      return true;
    },
  };
}
