/** Plays a recorded trace of the kernel's files in a folder of its own, at the trace's own time. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const files = z.record(z.string(), z.string());
const trace = z.object({
  folder: z.string(),
  always: files,
  /** `joules` since the step before; `broken`: no difference across this step, for a reason with these words; `lost`: nothing can be read, neither. */
  steps: z.array(z.object({ atMs: z.number(), files, joules: z.number().optional(), broken: z.string().optional(), lost: z.string().optional() })),
});

export type TraceStep = z.infer<typeof trace>['steps'][number];

export interface PlayedTrace {
  readonly root: string;
  readonly steps: readonly TraceStep[];
  readonly now: () => number;
  /** Writes what the files say from this step on. */
  play(step: TraceStep): Promise<void>;
  remove(): Promise<void>;
}

/** @param name of a file in `traces`. The first step is played. */
export async function openTrace(name: string): Promise<PlayedTrace> {
  const { folder, always, steps } = trace.parse(JSON.parse(await readFile(new URL(`traces/${name}.json`, import.meta.url), 'utf8')));
  const root = await mkdtemp(join(tmpdir(), 'edgewise-trace-'));
  let atMs = 0;
  const write = async (content: Readonly<Record<string, string>>): Promise<void> => {
    for (const [path, text] of Object.entries(content)) {
      const file = join(root, folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `${text}\n`);
    }
  };
  const play = async (step: TraceStep): Promise<void> => {
    await write(step.files);
    atMs = step.atMs;
  };
  await write(always);
  for (const step of steps.slice(0, 1)) await play(step);
  return { root, steps, now: () => atMs, play, remove: () => rm(root, { recursive: true }) };
}
