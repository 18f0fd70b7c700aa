/** The meters that read the kernel's files, on trees laid out as the kernel lays them out. Traces: testing/traces, each with its format's document. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { spentBetween } from './arithmetic.ts';
import { findBattery } from './battery.ts';
import { findIna } from './ina.ts';
import { findRapl } from './rapl.ts';
import { openTrace } from './testing/play-trace.ts';
import { isMeter, type EnergyMeter, type Finding } from './types.ts';

// The meters look by themselves too; here the trace alone says when.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

function opened(finding: Finding): EnergyMeter {
  if (!isMeter(finding)) throw new Error(finding.reason);
  return finding;
}

async function follow(name: string, find: (root: string, now: () => number) => Promise<Finding>): Promise<EnergyMeter> {
  const trace = await openTrace(name);
  const meter = opened(await find(trace.root, trace.now));
  let before = await meter.read();
  for (const step of trace.steps.slice(1)) {
    await trace.play(step);
    const after = await meter.read();
    const spent = spentBetween(before, after);
    const told = `${name} at ${step.atMs} ms`;
    if (step.joules === undefined) {
      expect(spent.joules, told).toBeNull();
      expect('reason' in spent && spent.reason, told).toContain(step.broken ?? step.lost);
      if (step.lost !== undefined) expect(after.joules, told).toBeNull();
    } else {
      expect('reason' in spent ? spent.reason : spent.joules, told).toBeCloseTo(step.joules, 6);
      expect('seconds' in spent && spent.seconds, told).toBeCloseTo((after.atMs - before.atMs) / 1000, 9);
    }
    before = after;
  }
  await meter.close();
  await trace.remove();
  expect((await meter.read()).joules).toBeNull();
  return meter;
}

describe('RAPL', () => {
  it('adds packages up over sockets, never what is below them, and goes round, begins anew and sleeps', async () => {
    const meter = await follow('powercap-two-sockets', findRapl);
    expect(meter).toMatchObject({ source: 'RAPL package-0 and package-1', tier: 'counter', scope: 'processor' });
  });

  const tree = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const root = await mkdtemp(join(tmpdir(), 'edgewise-powercap-'));
    for (const [path, text] of Object.entries(files)) {
      const file = join(root, 'sys/class/powercap', path);
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, `${text}\n`);
    }
    return root;
  };
  const zone = (folder: string, name: string, energyUj: string): Record<string, string> => ({ [`${folder}/name`]: name, [`${folder}/energy_uj`]: energyUj, [`${folder}/max_energy_range_uj`]: '262143328850' });

  it('takes psys where it is wired, without the packages in it', async () => {
    const root = await tree({ ...zone('intel-rapl:0', 'package-0', '5000000'), ...zone('intel-rapl:1', 'psys', '7000000') });
    const meter = opened(await findRapl(root, () => 0));
    expect(meter).toMatchObject({ source: 'RAPL psys', scope: 'machine' });
    await meter.close();
    await writeFile(join(root, 'sys/class/powercap/intel-rapl:1/energy_uj'), '0\n');
    const other = opened(await findRapl(root, () => 0));
    expect(other.source).toBe('RAPL package-0');
    await other.close();
    await rm(root, { recursive: true });
  });

  it('tells a counter that may not be read', async () => {
    const root = await tree(zone('intel-rapl:0', 'package-0', '5000000'));
    for (const folder of ['', 'sys', 'sys/class', 'sys/class/powercap', 'sys/class/powercap/intel-rapl:0']) await chmod(join(root, folder), 0o755);
    await chmod(join(root, 'sys/class/powercap/intel-rapl:0/energy_uj'), 0);
    // The superuser may read all, so somebody else looks.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', `import { findRapl } from ${JSON.stringify(new URL('rapl.ts', import.meta.url).href)}; console.log(JSON.stringify(await findRapl(${JSON.stringify(root)}, () => 0)));`],
      nobody,
    );
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'rapl', fixable: true, reason: expect.stringContaining('may not read') as string });
    await rm(root, { recursive: true });
  });

  it('has no figure once its files are gone, and no error', async () => {
    const root = await tree(zone('intel-rapl:0', 'package-0', '5000000'));
    const meter = opened(await findRapl(root, () => 0));
    expect((await meter.read()).joules).toBe(0);
    await rm(root, { recursive: true });
    expect(await meter.read()).toMatchObject({ joules: null, reason: 'package-0 can no longer be read' });
    await meter.close();
  });

  it.each(['', '-5', 'nonsense', '9'.repeat(40)])('does not take %j for a counter', async (text) => {
    const root = await tree(zone('intel-rapl:0', 'package-0', text));
    expect(isMeter(await findRapl(root, () => 0))).toBe(false);
    await rm(root, { recursive: true });
  });

  it('names what is missing on a machine without any', async () => {
    const root = await mkdtemp(join(tmpdir(), 'edgewise-bare-'));
    expect(await findRapl(root, () => 0)).toMatchObject({ kind: 'rapl', fixable: false });
    await rm(root, { recursive: true });
  });
});

describe('INA', () => {
  it('integrates the input rail alone, and a lost or late sample is a gap', async () => {
    const meter = await follow('ina3221-orin-nano', findIna);
    expect(meter).toMatchObject({ source: 'INA VDD_IN', tier: 'counter', scope: 'board' });
    // 20 of these make at least 20 s at that power.
    expect(meter.resolutionJ).toBeCloseTo(12);
  });

  const board = async (rails: Readonly<Record<string, readonly [millivolts: number, milliamperes: number]>>): Promise<string> => {
    const root = await mkdtemp(join(tmpdir(), 'edgewise-ina-'));
    const folder = join(root, 'sys/class/hwmon/hwmon0');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'name'), 'ina3221\n');
    for (const [index, [name, [millivolts, milliamperes]]] of Object.entries(rails).entries()) {
      await writeFile(join(folder, `in${index + 1}_label`), `${name}\n`);
      await writeFile(join(folder, `in${index + 1}_input`), `${millivolts}\n`);
      await writeFile(join(folder, `curr${index + 1}_input`), `${milliamperes}\n`);
    }
    return root;
  };

  it('adds the rails of an AGX Orin up, which has no single input rail', async () => {
    const root = await board({ VDD_GPU_SOC: [10_000, 500], VDD_CPU_CV: [10_000, 300], VIN_SYS_5V0: [5000, 800] });
    let atMs = 0;
    const meter = opened(await findIna(root, () => atMs));
    const before = await meter.read();
    atMs = 200;
    expect(spentBetween(before, await meter.read())).toMatchObject({ joules: expect.closeTo(12 * 0.2, 9) as number });
    await meter.close();
    await rm(root, { recursive: true });
  });

  it('does not sum rails that it does not know', async () => {
    const root = await board({ VDD_SOMETHING: [5000, 100] });
    expect(await findIna(root, () => 0)).toMatchObject({ kind: 'ina', reason: expect.stringContaining('VDD_SOMETHING') as string });
    await rm(root, { recursive: true });
  });

  it('reads the older layout, in milliwatts', async () => {
    const root = await mkdtemp(join(tmpdir(), 'edgewise-iio-'));
    const folder = join(root, 'sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0');
    await mkdir(folder, { recursive: true });
    for (const [name, text] of [['rail_name_0', 'POM_5V_IN'], ['in_power0_input', '4200'], ['rail_name_1', 'POM_5V_GPU'], ['in_power1_input', '900']] as const) await writeFile(join(folder, name), text);
    let atMs = 0;
    const meter = opened(await findIna(root, () => atMs));
    const before = await meter.read();
    atMs = 100;
    expect(spentBetween(before, await meter.read())).toMatchObject({ joules: expect.closeTo(0.42, 9) as number });
    await meter.close();
    await rm(root, { recursive: true });
  });
});

describe('battery', () => {
  it('counts what went while it discharged, and nothing across mains', async () => {
    const meter = await follow('battery-energy', findBattery);
    expect(meter).toMatchObject({ source: 'battery BAT0', tier: 'counter', scope: 'machine', resolutionJ: 36 });
  });

  it('weighs charge by the voltage at which it went', async () => {
    await follow('battery-charge', findBattery);
  });

  it('asks to be unplugged', async () => {
    const trace = await openTrace('battery-energy');
    await writeFile(join(trace.root, 'sys/class/power_supply/BAT0/status'), 'Full\n');
    expect(await findBattery(trace.root, () => 0)).toMatchObject({ kind: 'battery', fixable: true, reason: expect.stringContaining('unplug') as string });
    await trace.remove();
  });
});
