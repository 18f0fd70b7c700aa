/**
 * Real agents killed at each state and effect of an update: `node bench/agent-kills.ts [KILLS]`. Exits with 1 where anything did not hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsole } from '../src/console/create-console.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { killAgents, type RoundKind } from '../src/console/testing/agent-kills.ts';
import { callsOf, importModels, openLine } from '../src/console/testing/fleet-calls.ts';

const wanted = Number(process.argv[2] ?? 220);
/** About what a device dies in these five rounds. */
const CYCLE: readonly RoundKind[] = ['good', 'undone', 'dies in service', 'dies when measured', 'misses its gate'];
const KILLS_A_CYCLE = 34;
const DEVICES = 2;

const folder = mkdtempSync(join(tmpdir(), 'edgewise-agent-kills-'));
const console_ = await createConsole({ dataFolder: join(folder, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'bench' });
const note = (line: string): void => void process.stderr.write(`${line}\n`);
try {
  const call = callsOf(console_);
  await openLine(call);
  const cycles = Math.max(1, Math.ceil(wanted / (KILLS_A_CYCLE * DEVICES)));
  const rounds = Array.from({ length: cycles }, () => CYCLE).flat();
  const tally = await killAgents({ call, publish: await importModels(call, folder), folder, devices: DEVICES, rounds, seed: Number(process.env['SEED'] ?? 1), log: note });
  const states = new Map<string, number>();
  for (const [point, count] of tally.points) states.set(point.split(':')[0] ?? '', (states.get(point.split(':')[0] ?? '') ?? 0) + count);
  process.stdout.write(`| state of the device | kills | different moments |\n|---|---|---|\n`);
  for (const [state, count] of [...states].toSorted(([, a], [, b]) => b - a)) process.stdout.write(`| ${state} | ${count} | ${[...tally.points.keys()].filter((point) => point.startsWith(`${state}:`)).length} |\n`);
  process.stdout.write(`\n${tally.kills} kills of ${DEVICES} real agents in ${tally.rounds} rollouts, at ${tally.points.size} different moments; ${tally.cameUp} starts came to serve a model, each a good one; wrong: ${tally.wrong.length}\n`);
  for (const line of tally.wrong) process.stdout.write(`- ${line}\n`);
  process.exitCode = tally.wrong.length === 0 && tally.kills >= wanted ? 0 : 1;
} finally {
  await console_.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
