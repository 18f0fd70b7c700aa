/** Processes that are killed in the middle of rollouts; `node bench/agent-kills.ts` and `node bench/rollout-kills.ts` kill more than 200 times each. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createConsole } from '../create-console.ts';
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import { findEntries } from '../processes/entries.ts';
import { killAgents, type RoundKind } from '../testing/agent-kills.ts';
import { callsOf, importModels, openLine } from '../testing/fleet-calls.ts';
import { freePort } from '../testing/free-port.ts';
import { killConsole, type RolloutRound } from '../testing/rollout-kills.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-kills-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));

it.each([
  ['taken back by a person', 'undone', 8],
  ['dies in service', 'dies in service', 4],
] as const)('a real agent that is killed over and over, with an update that is %s', { timeout: 240_000 }, async (_, kind: RoundKind, kills) => {
  const console_ = await createConsole({ dataFolder: join(folder, 'home'), processHost: createNodeProcessHost(), entries: findEntries(), host: 'browser', version: 'test' });
  try {
    const call = callsOf(console_);
    await openLine(call);
    const tally = await killAgents({ call, publish: await importModels(call, folder), folder, devices: 1, rounds: [kind], seed: 5, log: () => {} });
    expect(tally.wrong).toEqual([]);
    expect(tally.kills).toBeGreaterThanOrEqual(kills);
  } finally {
    await console_.close();
  }
});

it.each([
  ['waits for somebody, and for its time', 'approved', 8],
  ['is taken back', 'undone', 5],
] as const)('a console that is killed over and over, with a rollout that %s', { timeout: 240_000 }, async (_, kind: RolloutRound, kills) => {
  const tally = await killConsole({ folder, brokerPort: await freePort(), artifactsPort: await freePort(), devices: 2, rounds: [kind], seed: 5, log: () => {} });
  expect(tally.wrong).toEqual([]);
  expect(tally.kills).toBeGreaterThanOrEqual(kills);
});
