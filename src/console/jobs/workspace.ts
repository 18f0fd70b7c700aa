/** A job's folder for intermediate models. Whoever started the job deletes it, so nothing in it is synced. */
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { Workspace } from '../../base/ports.ts';

export function createWorkspace(folder: string): Workspace {
  return {
    folder,
    async write(name, chunks) {
      const path = join(folder, basename(name));
      try {
        const file = await open(path, 'w');
        try {
          for (const chunk of chunks) await file.writeFile(chunk);
        } finally {
          await file.close();
        }
        return path;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        throw new EdgewiseError('DISK_FULL', `There is no room left for intermediate models in ${folder}.`, { hint: 'Free some space on that disk.', cause: error });
      }
    },
  };
}
