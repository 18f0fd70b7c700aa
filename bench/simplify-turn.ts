/**
 * One turn of bench/simplify.ts in a process of its own: `node bench/simplify-turn.ts ours|onnxsim <from> <to> [times]`.
 * Prints a line of JSON for each time. Only what the turn needs is loaded.
 */
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Turn {
  readonly readMs: number;
  readonly rewriteMs: number;
  readonly writeMs: number;
  /** Nodes of the result; 0 where the turn does not know. */
  readonly nodes: number;
  /** Since the start of the process. */
  readonly processMs: number;
  /** Time of all processors in reading, rewriting and writing: what others do on the machine changes it less. */
  readonly cpuMs: number;
  /** Largest resident memory of the process so far. */
  readonly peakBytes: number;
}

interface Start {
  readonly at: number;
  readonly cpu: NodeJS.CpuUsage;
}

const now = (): number => performance.now();

function begin(): Start {
  return { at: now(), cpu: process.cpuUsage() };
}

function finish(start: Start, read: number, rewritten: number, more: Partial<Turn> = {}): void {
  const end = now();
  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? Number.NaN) * 1024;
  const { user, system } = process.cpuUsage(start.cpu);
  const turn: Turn = { readMs: read - start.at, rewriteMs: rewritten - read, writeMs: end - rewritten, nodes: 0, processMs: end, cpuMs: (user + system) / 1000, peakBytes: peak, ...more };
  console.log(JSON.stringify(turn));
}

async function ours(from: string, to: string): Promise<void> {
  const [{ withModelFile }, { simplifyOrder }, { runPasses }, { encodeModel }, { createWorkspace }] = await Promise.all([
    import('../src/console/models/model-file.ts'), import('../src/engine/passes/index.ts'), import('../src/engine/passes/pipeline.ts'),
    import('../src/engine/onnx/index.ts'), import('../src/runtime/workspace.ts'),
  ]);
  const start = begin();
  await withModelFile(from, async ({ model }) => {
    const read = now();
    const { model: after } = await runPasses(model, simplifyOrder, { clock: now });
    const rewritten = now();
    await createWorkspace(dirname(to)).write(basename(to), encodeModel(after).chunks);
    finish(start, read, rewritten, { nodes: after.graph.nodes.length });
  });
}

async function onnxsim(from: string, to: string): Promise<void> {
  const file = pathToFileURL(join(import.meta.dirname, 'reference/node_modules/onnxsim/index.mjs')).href;
  const { simplify, versions } = (await import(file)) as { simplify(model: Uint8Array): Promise<{ model: Uint8Array }>; versions(): Promise<unknown> };
  // Loads its own program, as ours is loaded by then.
  await versions();
  const start = begin();
  const bytes = await readFile(from);
  const read = now();
  const { model } = await simplify(bytes);
  const rewritten = now();
  await writeFile(to, model);
  finish(start, read, rewritten);
}

const [what, from, to, times] = process.argv.slice(2);
if (from === undefined || to === undefined) throw new Error('node bench/simplify-turn.ts ours|onnxsim <from> <to> [times]');
for (let time = 0; time < Number(times ?? 1); time++) {
  if (what === 'onnxsim') await onnxsim(from, to);
  else await ours(from, to);
}
