/** The console killed at each state of its rollouts and around its effects: `node bench/rollout-kills.ts [KILLS]`. Exits with 1 where anything did not hold. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../src/console/testing/free-port.ts';
import { killConsole, type RolloutRound } from '../src/console/testing/rollout-kills.ts';

const wanted = Number(process.argv[2] ?? 220);
const CYCLE: readonly RolloutRound[] = ['approved', 'paused', 'stopped', 'undone', 'misses its gate'];
const KILLS_A_CYCLE = 42;

const folder = mkdtempSync(join(tmpdir(), 'edgewise-rollout-kills-'));
try {
  const cycles = Math.max(1, Math.ceil(wanted / KILLS_A_CYCLE));
  const tally = await killConsole({
    folder, brokerPort: await freePort(), artifactsPort: await freePort(), devices: 4, rounds: Array.from({ length: cycles }, () => CYCLE).flat(), seed: Number(process.env['SEED'] ?? 1),
    log: (line) => void process.stderr.write(`${line}\n`),
  });
  const states = new Map<string, number>();
  for (const [point, count] of tally.points) states.set(point.split(':')[0] ?? '', (states.get(point.split(':')[0] ?? '') ?? 0) + count);
  process.stdout.write('| state of the rollout | kills | different moments |\n|---|---|---|\n');
  for (const [state, count] of [...states].toSorted(([, a], [, b]) => b - a)) process.stdout.write(`| ${state} | ${count} | ${[...tally.points.keys()].filter((point) => point.startsWith(`${state}:`)).length} |\n`);
  process.stdout.write(`\n${tally.kills} kills of the console in ${cycles * CYCLE.length} rollouts over 4 simulated devices; ${tally.commands} commands and ${tally.installs} installs, each once; ${tally.audit} entries in the logs, no gap; wrong: ${tally.wrong.length}\n`);
  for (const line of tally.wrong) process.stdout.write(`- ${line}\n`);
  process.exitCode = tally.wrong.length === 0 && tally.kills >= wanted ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
