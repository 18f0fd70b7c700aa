/** States of unfinished work in a folder, a file each, named by key. The oldest make room for new ones. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoints } from '../base/ports.ts';
import { writeFileAtomically } from './files/write-file.ts';

/** A state is about a megabyte. */
const MOST_FILES = 16;
const SUFFIX = '.checkpoint.json';

/** @param folder is made when there is something to keep */
export function createCheckpoints(folder: string): Checkpoints {
  const fileOf = (key: string): string => join(folder, `${key}${SUFFIX}`);
  const names = async (): Promise<string[]> => (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(SUFFIX));
  return {
    async any() {
      return (await names()).length > 0;
    },
    stamp: async (path, labelsPath) => {
      const hash = createHash('sha256');
      for (const place of labelsPath === undefined ? [path] : [path, labelsPath]) for (const line of await facts(place)) hash.update(`${line}\n`);
      return hash.digest('hex');
    },
    async load(key) {
      try {
        return JSON.parse(await readFile(fileOf(key), 'utf8')) as unknown;
      } catch {
        // Not there, or damaged: either way the work begins anew.
        return undefined;
      }
    },
    async save(key, state) {
      await mkdir(folder, { recursive: true });
      await writeFileAtomically(fileOf(key), [new TextEncoder().encode(JSON.stringify(state))]);
      await prune(folder, await names());
    },
    async remove(key) {
      await rm(fileOf(key), { force: true });
    },
  };
}

async function prune(folder: string, names: readonly string[]): Promise<void> {
  if (names.length <= MOST_FILES) return;
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })));
  const oldest = dated.toSorted((a, b) => a.at - b.at).slice(0, names.length - MOST_FILES);
  for (const { name } of oldest) await rm(join(folder, name), { force: true });
}

/** Name, size and time of every file of a data set, in order. */
async function facts(path: string): Promise<string[]> {
  const line = async (file: string): Promise<string> => {
    const found = await stat(file).catch(() => null);
    return found?.isFile() ? `${file} ${found.size} ${found.mtimeMs}` : file;
  };
  const own = await stat(path).catch(() => null);
  if (!own?.isDirectory()) return [await line(path)];
  const files = (await readdir(path, { recursive: true })).toSorted();
  const lines: string[] = [];
  for (let at = 0; at < files.length; at += 64) lines.push(...(await Promise.all(files.slice(at, at + 64).map((file) => line(join(path, file))))));
  return lines;
}
