/** Looking through the host's disk where no native dialog is, and native dialogs where they are. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { Handlers } from '../router.ts';

/** Native dialogs, which the desktop host has. `null` when dismissed. */
export interface Dialogs {
  open(kind: 'model' | 'data-folder' | 'data-file'): Promise<string | null>;
  save(suggestedName: string): Promise<string | null>;
}

const SUFFIXES = {
  model: ['.onnx'],
  data: ['.csv', '.npy', '.npz', '.gz', '-ubyte', '.idx'],
} as const;

/** A folder shows at most so many entries; a folder of pictures is chosen as a whole. */
const MAX_ENTRIES = 2000;

type FileHandlers = Pick<Handlers, Extract<keyof Handlers, `files.${string}` | `dialogs.${string}`>>;

export function fileHandlers(dialogs: Dialogs | undefined): FileHandlers {
  return {
    'files.browse': ({ folder, kind }) => browse(folder, kind),
    'dialogs.open': async ({ kind }) => ({ path: await required(dialogs).open(kind) }),
    'dialogs.save': async ({ suggestedName }) => ({ path: await required(dialogs).save(suggestedName) }),
  };
}

function required(dialogs: Dialogs | undefined): Dialogs {
  if (dialogs) return dialogs;
  throw new EdgewiseError('FORBIDDEN', 'This host has no native file dialogs.', { hint: 'Type a path, or look through the folders in the page.' });
}

async function browse(folder: string | undefined, kind: 'model' | 'data') {
  const wanted = resolve(folder ?? homedir());
  let path: string;
  let found;
  try {
    path = await realpath(wanted);
    found = await readdir(path, { withFileTypes: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM') throw new EdgewiseError('FILE_UNREADABLE', `${wanted} cannot be read: permission denied.`, { cause: error });
    throw new EdgewiseError('FILE_NOT_FOUND', `There is no folder ${wanted}.`, { hint: 'Choose another folder.', cause: error });
  }
  const entries: { name: string; path: string; folder: boolean; bytes: number | null }[] = [];
  for (const entry of found) {
    if (entry.name.startsWith('.')) continue;
    const full = join(path, entry.name);
    const plain = entry.isDirectory() || entry.isFile() ? entry : await stat(full).catch(() => undefined);
    if (plain === undefined) continue;
    if (plain.isDirectory()) entries.push({ name: entry.name, path: full, folder: true, bytes: null });
    else if (plain.isFile() && SUFFIXES[kind].some((suffix) => entry.name.toLowerCase().endsWith(suffix))) {
      const bytes = await stat(full).then((stats) => stats.size, () => null);
      entries.push({ name: entry.name, path: full, folder: false, bytes });
    }
    if (entries.length >= MAX_ENTRIES) break;
  }
  entries.sort((a, b) => Number(b.folder) - Number(a.folder) || a.name.localeCompare(b.name, 'en', { numeric: true }));
  const parent = dirname(path);
  return { folder: path, parent: parent === path ? null : parent, entries };
}
