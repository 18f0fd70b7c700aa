// Where a Node that is new enough is: the one that runs this, or the one that the project's own packages carry.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const WANTED_MAJOR = 24;

/** Path of a Node 24 or newer, or undefined where there is none yet. Plain ECMAScript that Node 20 runs too. */
export function newEnoughNode(root) {
  const carried = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  return existsSync(carried) ? carried : undefined;
}
