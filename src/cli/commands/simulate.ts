/** `edgewise simulate`: the console with a fleet of simulated devices, until it is told to stop. */
import { readFileSync } from 'node:fs';
import { EdgewiseError } from '../../base/errors.ts';
import { createConsole, type Console } from '../../console/create-console.ts';
import { defaultDataFolder } from '../../console/data-folder.ts';
import { createNodeProcessHost } from '../../console/jobs/node-process-host.ts';
import { findEntries } from '../../console/processes/entries.ts';
import { faultsFile, NO_FAULTS, type Faults } from '../../fleet/agent/simulate/faults.ts';
import { startServer } from '../../server/start-server.ts';
import type { Io } from '../io.ts';
import type { Places } from '../places.ts';

export interface SimulateFlags {
  readonly stores: number;
  readonly devices: number;
  readonly faults?: string;
  readonly seed: number;
  readonly data?: string;
  readonly startPerS: number;
  /** Seconds between two batches of measurements. */
  readonly telemetry: number;
  /** Ends by itself after so many seconds. */
  readonly seconds?: number;
  readonly page: boolean;
}

const MOST_DEVICES = 20_000;
const NOTE_MS = 10_000;
const FOLLOW_MS = 1000;

export async function simulate(flags: SimulateFlags, places: Places, io: Io, signal: AbortSignal): Promise<void> {
  const { stores, devices } = flags;
  if (stores * devices > MOST_DEVICES) throw new EdgewiseError('USAGE', `${stores * devices} devices are more than one machine simulates.`, { hint: `Ask for at most ${MOST_DEVICES} together.` });
  const faults = flags.faults === undefined ? NO_FAULTS : readFaults(flags.faults);
  const dataFolder = flags.data ?? defaultDataFolder();
  const console = await createConsole({
    dataFolder,
    processHost: createNodeProcessHost(),
    entries: findEntries(),
    host: 'browser',
    version: places.version,
    ...(places.sample === undefined ? {} : { sample: places.sample }),
    log: (line) => io.note(line),
  });
  const server = flags.page ? await startServer({ console, rendererFolder: places.renderer, port: 0 }) : undefined;
  try {
    if (server && !io.json) process.stdout.write(`Edgewise is open at\n\n  ${server.url}\n\nCtrl+C stops it. Data folder: ${dataFolder}\n`);
    await console.demo.start({ stores, devicesPerStore: devices, faults, seed: flags.seed, startPerS: flags.startPerS, telemetryEveryMs: Math.round(flags.telemetry * 1000) });
    await follow(console, flags.seconds, io, signal);
    const status = console.demo.status();
    if (status !== null) io.result({ dataFolder, ...status }, () => textOf(status));
  } finally {
    await server?.close();
    await console.close();
  }
}

async function follow(console: Console, seconds: number | undefined, io: Io, signal: AbortSignal): Promise<void> {
  const begun = performance.now();
  let noted = begun;
  const end = seconds === undefined ? Number.POSITIVE_INFINITY : begun + seconds * 1000;
  while (!signal.aborted && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    if (console.demo.state() !== 'running') throw new EdgewiseError('INTERNAL', 'The process of the simulated devices has ended.', { hint: 'What it said last stands above. Simulate fewer devices if memory ran out.' });
    const status = console.demo.status();
    if (status === null || performance.now() - noted < NOTE_MS) continue;
    noted = performance.now();
    io.note(textOf(status));
  }
}

function textOf({ devices, connected, running, rssBytes }: NonNullable<ReturnType<Console['demo']['status']>>): string {
  const what = Object.entries(running).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, count]) => `${count} run ${name === 'none' ? 'nothing' : name}`);
  return `simulated: ${connected} of ${devices} devices connected; ${what.join(', ')}; ${Math.round(rssBytes / 2 ** 20)} MiB`;
}

function readFaults(path: string): Faults {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new EdgewiseError('FILE_NOT_FOUND', `The faults file ${path} cannot be read.`, { hint: 'Name a JSON file; docs/fleet-live.md shows one.', cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EdgewiseError('BAD_REQUEST', `The faults file ${path} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}.`, { hint: 'docs/fleet-live.md shows one.', cause });
  }
  const parsed = faultsFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new EdgewiseError('BAD_REQUEST', `The faults file ${path} is wrong at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not understood'}.`, { hint: 'docs/fleet-live.md shows one.' });
}
