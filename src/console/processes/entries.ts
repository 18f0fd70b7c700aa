/** Where the entry files of the child processes are: beside the bundle once built, beside this file when run from source. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ProcessEntries {
  readonly jobProcess: string;
  readonly inferenceChild: string;
}

/** Finds both entries. @param from `import.meta.url` of the caller's bundle; this file's own by default. */
export function findEntries(from: string = import.meta.url): ProcessEntries {
  return { jobProcess: find(from, 'job-process'), inferenceChild: find(from, 'inference-child') };
}

/** The process of simulated devices. */
export function findSimulator(from: string = import.meta.url): string {
  return find(from, 'simulate-process');
}

function find(from: string, name: string): string {
  const folder = dirname(fileURLToPath(from));
  // A bundle may sit in `out/main` or in `out/main/chunks`.
  const candidates = [join(folder, `${name}.ts`), join(folder, `${name}.js`), join(folder, '..', `${name}.js`)];
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`The entry ${name} is not beside ${folder}; build the project again.`);
  return found;
}
