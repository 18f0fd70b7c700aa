/** Files that a page has sent and not imported yet. The server fills them, the router imports them. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface Uploads {
  /** A new upload: write the file to `path`, then call `complete`, or `drop` where it failed. */
  begin(): { readonly id: string; readonly path: string };
  complete(id: string): void;
  /** Where a complete upload is. */
  pathOf(id: string): string | undefined;
  drop(id: string): Promise<void>;
}

export function createUploads(folder: string): Uploads {
  const complete = new Set<string>();
  const pathOf = (id: string): string => join(folder, `${id}.onnx`);
  return {
    begin() {
      const id = randomUUID();
      return { id, path: pathOf(id) };
    },
    complete(id) {
      complete.add(id);
    },
    pathOf: (id) => (complete.has(id) ? pathOf(id) : undefined),
    async drop(id) {
      complete.delete(id);
      if (/^[0-9a-f-]{36}$/.test(id)) await rm(pathOf(id), { force: true });
    },
  };
}
