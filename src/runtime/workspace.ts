/** A folder for the intermediate models of one job. */
import { join } from 'node:path';
import type { Workspace } from '../base/ports.ts';
import { writeFileAtomically, writeScratchFile } from './files/write-file.ts';

/** @param folder exists already; its owner deletes it */
export function createWorkspace(folder: string): Workspace {
  return {
    folder,
    async write(name, chunks, { scratch = false } = {}) {
      const path = join(folder, name);
      await (scratch ? writeScratchFile(path, chunks) : writeFileAtomically(path, chunks));
      return path;
    },
  };
}
