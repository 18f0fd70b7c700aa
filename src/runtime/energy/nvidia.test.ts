/**
 * nvidia-smi's lines, as `nvidia-smi --help-query-gpu` and NVML's documentation (docs.nvidia.com/deploy/nvml-api) have them. No card is here, so a program
 * of the same name prints them; process, pipe and time are real.
 */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { spentBetween } from './arithmetic.ts';
import { findNvidia, parseNvidiaLine } from './nvidia.ts';
import { isMeter, type EnergyMeter } from './types.ts';

const folders: string[] = [];
const meters: EnergyMeter[] = [];
afterEach(async () => {
  for (const meter of meters.splice(0)) await meter.close();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** @param script of a shell, with the fields asked for in $1 */
async function program(script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'edgewise-nvidia-'));
  folders.push(folder);
  const path = join(folder, 'nvidia-smi');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

async function opened(path: string, now = () => performance.now()): Promise<EnergyMeter> {
  const finding = await findNvidia(path, now);
  if (!isMeter(finding)) throw new Error(finding.reason);
  meters.push(finding);
  return finding;
}

it('sums the counters of all cards and sees them begin anew', async () => {
  const lines = (await readFile(new URL('testing/traces/nvidia-smi-energy.csv', import.meta.url), 'utf8')).trim().split('\n');
  const slowly = lines.map((line) => `echo '${line}'; sleep 0.05`).join('\n');
  const meter = await opened(await program(`${slowly}\nwhile true; do echo '0, NVIDIA L4, 50'; sleep 0.05; echo '1, NVIDIA L4, 5016000'; sleep 0.05; done`));
  expect(meter).toMatchObject({ source: 'NVML energy counter, NVIDIA L4 and NVIDIA L4', tier: 'counter', scope: 'gpu' });
  const first = await meter.read();
  let last = first;
  for (let reads = 0; reads < 100 && last.segment === first.segment; reads++) last = await meter.read();
  expect(spentBetween(first, last)).toEqual({ joules: null, reason: 'the counter began anew' });
});

it('integrates power where the driver has no such field, and says so', async () => {
  const path = await program(`case "$1" in *total_energy*) echo 'Field "total_energy_consumption" is not a valid field to query.'; exit 2;; esac\nwhile true; do echo '0, Tesla T4, 30.00'; sleep 0.05; done`);
  const meter = await opened(path);
  expect(meter.source).toBe('NVML power integrated, Tesla T4');
  const before = await meter.read();
  await meter.read();
  const spent = spentBetween(before, await meter.read());
  if ('reason' in spent) throw new Error(spent.reason);
  expect(spent.joules).toBeGreaterThan(0);
});

it('has a reason when it ends in mid-run', async () => {
  const meter = await opened(await program(`echo '0, A2, 1000'; echo '0, A2, 2000'; sleep 0.3; echo 'Unable to determine the device handle: GPU is lost.' >&2; exit 15`));
  let reading = await meter.read();
  for (let reads = 0; reads < 100 && reading.joules !== null; reads++) reading = await meter.read();
  expect(reading).toMatchObject({ joules: null, reason: 'nvidia-smi ended: Unable to determine the device handle: GPU is lost.' });
});

it('names what is missing', async () => {
  expect(await findNvidia(join(tmpdir(), 'no-such-program'), () => 0)).toMatchObject({ kind: 'nvml', fixable: false, reason: 'there is no nvidia-smi on this machine' });
  expect(await findNvidia(await program(`echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9`), () => 0)).toMatchObject({ fixable: true, reason: expect.stringContaining('could not communicate') as string });
  expect(await findNvidia(await program(`echo '0, GeForce GT 710, [N/A]'; sleep 5`), () => 0)).toMatchObject({ reason: 'GeForce GT 710 gives no power' });
});

it.each([
  ['0, NVIDIA L4, 27.40', { index: '0', name: 'NVIDIA L4', value: 27.4 }],
  ['12, Quadro, odd name, [Not Supported]', { index: '12', name: 'Quadro, odd name', value: null }],
  ['No devices were found', null],
  ['0, x, -5', null],
])('reads %j', (line, row) => {
  expect(parseNvidiaLine(line)).toEqual(row);
});
