import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDeviceEnergy } from './device-energy.ts';

/** powercap as the kernel lays it out: one package, its counter in microjoules. */
let root: string;
const counter = (): string => join(root, 'sys/class/powercap/intel-rapl:0/energy_uj');
const log = (): void => {};

beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'device-energy-'))));
afterEach(() => rmSync(root, { recursive: true }));

function packageAt(microjoules: number): void {
  mkdirSync(join(counter(), '..'), { recursive: true });
  for (const [name, text] of [['name', 'package-0'], ['energy_uj', String(microjoules)], ['max_energy_range_uj', '262143328850']] as const) writeFileSync(join(counter(), '..', name), `${text}\n`);
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) await pause(25);
  expect(holds()).toBe(true);
}

describe('energy of a device', () => {
  it('is of the counter that its machine has: differences, and the idle power measured before anything runs', async () => {
    packageAt(1_000_000);
    let joules = 1_000_000;
    // Ten watts, while nothing runs.
    const drawing = setInterval(() => writeFileSync(counter(), `${(joules += 250_000)}\n`), 25);
    const energy = await openDeviceEnergy({ root, nvidiaSmi: null, idleMs: 1000, power: { idleW: 1, busyW: 2 }, log });
    clearInterval(drawing);
    expect(energy.meter).toMatchObject({ tier: 'counter' });
    expect(energy.meter?.idleW).toBeGreaterThan(2);
    await until(() => energy.meter?.read(0) === joules / 1e6 - 1 || energy.meter?.read(0) !== null);
    await pause(600);
    const before = energy.meter?.read(0) ?? Number.NaN;
    writeFileSync(counter(), `${joules + 7_500_000}\n`);
    await until(() => Math.abs((energy.meter?.read(0) ?? 0) - before - 7.5) < 1e-6);
    await energy.close();
    await energy.close();
  });

  it('has no figure across a counter that begins anew', async () => {
    packageAt(50_000_000);
    const energy = await openDeviceEnergy({ root, nvidiaSmi: null, idleMs: 10, log });
    await until(() => energy.meter?.read(0) !== null);
    writeFileSync(counter(), '100\n');
    let broken = false;
    for (let tries = 0; tries < 100 && !broken; tries++) {
      await pause(25);
      broken = energy.meter?.read(0) === null;
    }
    expect(broken).toBe(true);
    await energy.close();
  });

  it('is the model that was given where nothing measures, and nothing where none was', async () => {
    const said: string[] = [];
    const modelled = await openDeviceEnergy({ root, nvidiaSmi: null, power: { idleW: 4, busyW: 12 }, log: (line) => said.push(line) });
    expect(modelled.meter).toMatchObject({ tier: 'modelled', idleW: 4 });
    expect(await openDeviceEnergy({ root, nvidiaSmi: null, log: (line) => said.push(line) })).toMatchObject({ meter: null });
    expect(said).toEqual([expect.stringContaining('nothing measures it here'), expect.stringContaining('energy is not measured')]);
    // A wall meter that was asked for and does not answer is not replaced by less.
    expect(await openDeviceEnergy({ root, nvidiaSmi: null, wallMeter: 'http://127.0.0.1:9', power: { idleW: 4, busyW: 12 }, log })).toMatchObject({ meter: null });
  });
});
