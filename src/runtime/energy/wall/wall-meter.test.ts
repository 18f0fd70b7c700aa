/** Wall meters on real sockets, with the makers' own answers. Documents: shelly-api-docs.shelly.cloud (gen1, gen2), tasmota.github.io/docs. */
import { afterEach, describe, expect, it } from 'vitest';
import { spentBetween } from '../arithmetic.ts';
import { startHttpDevice, startMqttDevice, type Kind, type WallDevice } from '../testing/wall-device.ts';
import { isMeter, type EnergyMeter, type EnergyReading, type Finding } from '../types.ts';
import { findWallMeter } from './wall-meter.ts';

const devices: WallDevice[] = [];
const meters: EnergyMeter[] = [];
afterEach(async () => {
  for (const meter of meters.splice(0)) await meter.close();
  for (const device of devices.splice(0)) await device.close();
});

// Longer than a test: only what the test reads is a sample, at the time that it says.
const clock = { ms: 0, now: () => clock.ms };
const EVERY_MS = 400_000;

async function device(kind: Kind, login?: { user: string; password: string }): Promise<WallDevice> {
  const started = await startHttpDevice(kind, login);
  devices.push(started);
  return started;
}

async function open(url: string): Promise<EnergyMeter> {
  const finding = await findWallMeter(url, { now: clock.now, everyMs: EVERY_MS });
  if (!isMeter(finding)) throw new Error(finding.reason);
  meters.push(finding);
  return finding;
}

async function readAt(meter: EnergyMeter, ms: number): Promise<EnergyReading> {
  clock.ms = ms;
  return meter.read();
}

const reasonOf = (finding: Finding): string => (isMeter(finding) ? `a meter: ${finding.source}` : finding.reason);

describe('Shelly Gen1', () => {
  it('integrates power, as its counter moves on by 60 J, and believes no answer that says it is not valid', async () => {
    const shelly = await device('shelly1');
    const meter = await open(shelly.url);
    expect(meter).toMatchObject({ tier: 'metered', scope: 'machine', uncertainty: 0.02, source: expect.stringMatching(/^Shelly at 127\.0\.0\.1:\d+, power integrated$/u) as string });
    const before = await readAt(meter, 0);
    shelly.show(shelly.trace[1]);
    const after = await readAt(meter, 1000);
    expect(spentBetween(before, after)).toEqual({ joules: expect.closeTo(16.4, 9) as number, seconds: 1 });
    shelly.show(shelly.trace[2]);
    expect(await readAt(meter, 2000)).toMatchObject({ joules: null, reason: 'its answer has no valid power' });
    shelly.show(shelly.trace[1]);
    expect(spentBetween(after, await readAt(meter, 3000)).joules).toBeNull();
  });

  it('reads one meter alone, and the lines of an energy meter', async () => {
    const shelly = await device('shelly1');
    shelly.show({ emeters: [{ power: 10.66, is_valid: true, total: 5.3 }, { power: 4.34, is_valid: true, total: 1 }] });
    const meter = await open(shelly.url);
    const before = await readAt(meter, 0);
    expect(spentBetween(before, await readAt(meter, 2000))).toEqual({ joules: expect.closeTo(30, 9) as number, seconds: 2 });
  });

  it('takes a password, and tells it to nobody', async () => {
    const shelly = await device('shelly1', { user: 'admin', password: 'hunter2' });
    const meter = await open(shelly.url);
    expect(JSON.stringify([meter.source, meter.notes])).not.toContain('hunter2');
    expect(reasonOf(await findWallMeter(shelly.url.replace('hunter2', 'wrong0'), clock))).toBe(`wall meter: Shelly at ${new URL(shelly.url).host}: it does not accept this password`);
    expect(reasonOf(await findWallMeter(shelly.url.replace('admin:hunter2@', ''), clock))).toContain('it asks for a password');
  });
});

describe('Shelly Gen2+', () => {
  it('uses the counter where it moves on at each look, and sees it begin anew', async () => {
    const shelly = await device('shelly2');
    shelly.showInTurn?.(shelly.trace);
    const meter = await open(shelly.url);
    expect(meter.source).toMatch(/^Shelly Gen2\+ at .*, energy counter$/u);
    const before = await readAt(meter, 0);
    const after = await readAt(meter, 4000);
    expect(spentBetween(before, after)).toEqual({ joules: expect.closeTo(72, 3) as number, seconds: 4 });
    expect(spentBetween(after, await readAt(meter, 5000))).toEqual({ joules: null, reason: 'the counter began anew' });
  });

  it('integrates power where the counter stands still between looks', async () => {
    const shelly = await device('shelly2');
    const meter = await open(`${shelly.url}?format=shelly2`);
    expect(meter.source).toContain('power integrated');
  });

  it('answers the digest that it asks for', async () => {
    const shelly = await device('shelly2', { user: 'admin', password: 'hunter2' });
    const before = await readAt(await open(shelly.url), 0);
    expect(before.joules).toBe(0);
    expect(reasonOf(await findWallMeter(shelly.url.replace('hunter2', 'wrong0'), clock))).toContain('does not accept this password');
  });
});

describe('Tasmota', () => {
  it('is asked for its status 8 and may have several lines', async () => {
    const tasmota = await device('tasmota');
    const meter = await open(tasmota.url);
    expect(meter).toMatchObject({ uncertainty: 0.05, source: expect.stringMatching(/^Tasmota at .*, power integrated$/u) as string });
    const before = await readAt(meter, 0);
    tasmota.show(tasmota.trace[1]);
    expect(spentBetween(before, await readAt(meter, 1000))).toEqual({ joules: 15, seconds: 1 });
  });
  it('takes its password in the address', async () => {
    const tasmota = await device('tasmota', { user: 'admin', password: 'hunter2' });
    await open(tasmota.url);
    expect(reasonOf(await findWallMeter(tasmota.url.replace('hunter2', 'wrong0'), clock))).toContain('does not accept this password');
  });
});

describe('a meter that fails', () => {
  it.each([500, 'garbage', 'endless'] as const)('in mid-run (%s) leaves no figure, and works on afterwards with a gap', async (how) => {
    const shelly = await device('shelly1');
    const meter = await open(shelly.url);
    const before = await readAt(meter, 0);
    shelly.fail(how);
    const lost = await readAt(meter, 1000);
    expect(lost.joules).toBeNull();
    shelly.mend();
    const after = await readAt(meter, 2000);
    expect(spentBetween(before, after)).toMatchObject({ joules: null, reason: lost.reason });
    expect(spentBetween(after, await readAt(meter, 3000))).toMatchObject({ seconds: 1, joules: expect.closeTo(12.4, 9) as number });
  });

  it('is gone: a reason, no error', async () => {
    const shelly = await device('shelly1');
    const meter = await open(shelly.url);
    await shelly.close();
    devices.length = 0;
    expect(await readAt(meter, 1000)).toMatchObject({ joules: null, reason: expect.stringContaining('cannot be reached') as string });
    expect(reasonOf(await findWallMeter(shelly.url, clock))).toContain('cannot be reached');
  });

  it.each([['ftp://host', 'not understood'], ['plug', 'not understood'], ['mqtt://127.0.0.1:1/', 'no topic'], ['mqtt://127.0.0.1:1/+/x', 'no topic'], ['mqtt://127.0.0.1:1/plug', 'cannot be reached']])('%s: %s', async (url, words) => {
    expect(reasonOf(await findWallMeter(url, clock))).toContain(words);
  });
});

describe('over MQTT', () => {
  it.each(['tasmota', 'shelly2'] as const)('%s is asked for each sample', async (kind) => {
    const plug = await startMqttDevice(kind, 'shop/plug-7');
    devices.push(plug);
    const meter = await open(plug.url);
    expect(meter).toMatchObject({ tier: 'metered', source: expect.stringContaining('shop/plug-7 by 127.0.0.1') as string });
    const before = await readAt(meter, 0);
    plug.show(plug.trace[1]);
    expect(spentBetween(before, await readAt(meter, 1000))).toEqual({ joules: kind === 'tasmota' ? 15 : 18, seconds: 1 });
    plug.fail('silence');
    expect(await readAt(meter, 2000)).toMatchObject({ joules: null, reason: 'no answer within 3 s' });
  }, 20_000);

  it('finds nobody under another topic', async () => {
    const plug = await startMqttDevice('tasmota', 'shop/plug-7');
    devices.push(plug);
    expect(reasonOf(await findWallMeter(`${plug.broker}/shop/plug-8`, clock))).toContain('nobody answers');
  }, 20_000);
});
