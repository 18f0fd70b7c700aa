/** Whole stories of a device: real files, downloads and signatures against a scripted console. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeDisk } from './install/disk.ts';
import { startPublisher, type Behaviour, type PublishedVersion, type PublisherServer } from './testing/publisher-server.ts';
import { ScriptedConsole } from './testing/scripted-console.ts';
import { testAgent, type TestAgent } from './testing/test-agent.ts';
import { toldModels } from './testing/told-models.ts';

const YEAR_MS = 365 * 86_400_000;
let folder: string;
let publisher: PublisherServer;
let console_: ScriptedConsole;
let device: TestAgent;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-agent-'));
  publisher = await startPublisher();
  console_ = new ScriptedConsole(() => publisher.now(), publisher.url);
});
afterEach(async () => {
  await device?.agent.stop();
  publisher.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
});

async function boot(more: Parameters<typeof testAgent>[4] = {}): Promise<TestAgent> {
  device = testAgent(nodeDisk(folder), publisher.url, publisher.root, console_.connect, more);
  await device.agent.start();
  return device;
}

const until = <T>(what: () => T): Promise<T> => vi.waitFor(what, { timeout: 8000, interval: 5 });
const told = (kind: Parameters<ScriptedConsole['last']>[0], count = 1): Promise<void> => until(() => expect(console_.kinds().filter((each) => each === kind)).toHaveLength(count));

/** What a rollout does that likes what it hears. */
async function roll(version: PublishedVersion, rolloutId: string): Promise<void> {
  const order = (command: Parameters<ScriptedConsole['order']>[0]): void => console_.send(console_.order(command, version, { rolloutId }));
  const count = (kind: string): number => console_.reports.filter((each) => each.rolloutId === rolloutId && each.report.kind === kind).length;
  order('prepare');
  await until(() => expect(count('staged')).toBe(1));
  order('benchmark');
  await until(() => expect(count('benchmarked')).toBe(1));
  order('swap');
  await until(() => expect(count('running')).toBe(1));
}

async function running(behaviour: Behaviour = { latencyMs: 20, accuracy: 0.9 }): Promise<PublishedVersion> {
  const version = await publisher.publish(1, behaviour);
  await boot();
  await until(() => expect(console_.births).toHaveLength(1));
  await roll(version, 'first');
  return version;
}

describe('installing', () => {
  it('a first version: every state is told in order, and the program that loaded it tells the digest', async () => {
    const version = await publisher.publish(1, { latencyMs: 20 });
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    expect(console_.births[0]).toMatchObject({ running: null, install: 'idle', class: 'gateway' });
    await roll(version, 'r1');
    expect([...new Set(console_.kinds())]).toEqual(['downloading', 'verifying', 'staged', 'benchmarked', 'confirming', 'running']);
    expect(console_.last('running')).toEqual({ kind: 'running', digest: version.digest });
    expect(console_.last('benchmarked')).toMatchObject({ baseline: {}, candidate: { latencyP95Ms: { value: 20, samples: 40 } } });
    expect(device.agent.status().running).toEqual({ artifact: 'flow', version: 1, digest: version.digest });
  });

  it('a second one: measured in turns against what runs, which stays in service until the swap; then its service is told', async () => {
    const one = await running();
    const two = await publisher.publish(2, { latencyMs: 8, accuracy: 0.95 });
    console_.send(console_.order('prepare', two));
    await told('staged', 2);
    console_.send(console_.order('benchmark', two));
    await told('benchmarked', 2);
    expect(console_.last('benchmarked')).toEqual({
      kind: 'benchmarked',
      baseline: { latencyP95Ms: { value: 20, samples: 40 }, accuracy: { value: 0.9, samples: 200 } },
      candidate: { latencyP95Ms: { value: 8, samples: 40 }, accuracy: { value: 0.95, samples: 200 } },
    });
    expect(device.agent.status()).toMatchObject({ install: 'benchmarking', running: { digest: one.digest } });
    console_.send(console_.order('swap', two));
    await told('running', 2);
    await until(() => expect(console_.reports.filter(({ rolloutId }) => rolloutId === 'r1').findLast(({ report }) => report.kind === 'measured')?.report).toMatchObject({ measurements: { latencyP95Ms: { value: 8 }, accuracy: { value: 0.95 } } }));
    const rows = console_.batches.flatMap((batch) => batch.rows);
    expect(new Set(rows.map((row) => row.digest))).toEqual(new Set([one.digest, two.digest]));
    expect(rows.find((row) => row.accuracy !== null)).toBeDefined();
    expect(rows.every((row) => row.energy === null && row.temperatureC === null)).toBe(true);
  });

  it('one that runs already is told and not installed again', async () => {
    const one = await running();
    const loads = device.models.loads.length;
    console_.send(console_.order('prepare', one));
    await told('running', 2);
    expect(device.models.loads).toHaveLength(loads);
  });

  it('that misses the console’s gates is left: what runs was never touched', async () => {
    const one = await running();
    const slow = await publisher.publish(2, { latencyMs: 90 });
    console_.send(console_.order('prepare', slow));
    await told('staged', 2);
    console_.send(console_.order('benchmark', slow));
    await told('benchmarked', 2);
    console_.send(console_.order('discard', slow, { validUntilMs: Number.MAX_SAFE_INTEGER }));
    await until(() => expect(device.agent.status().install).toBe('idle'));
    expect(device.agent.status().running?.digest).toBe(one.digest);
    // A late order to swap finds nothing to swap.
    console_.send(console_.order('swap', slow));
    await told('fault');
    expect(device.agent.status().running?.digest).toBe(one.digest);
  });
});

describe('a new version that is not well', () => {
  it.each([
    ['does not start', { fault: 'load' }, 'fault', 'RUNTIME_ERROR'],
    ['dies when it is measured', { fault: 'benchmark' }, 'fault', 'RUNTIME_CRASHED'],
  ] as const)('%s: told as a fault, nothing is swapped', async (_, behaviour, kind, code) => {
    const one = await running();
    const bad = await publisher.publish(2, behaviour);
    console_.send(console_.order('prepare', bad));
    await told('staged', 2);
    console_.send(console_.order('benchmark', bad));
    await told(kind);
    expect(console_.last(kind)).toMatchObject({ code, retry: false });
    expect(device.agent.status().running?.digest).toBe(one.digest);
  });

  it.each([
    ['dies in service', { fault: 'serve' }, 'RUNTIME_CRASHED'],
    ['is far slower in service than it was measured', { latencyMs: 10, serviceMs: 100 }, 'GATE_NOT_MET'],
  ] as const)('%s: back by itself, and told so', async (_, behaviour, code) => {
    const one = await running();
    const bad = await publisher.publish(2, behaviour);
    console_.send(console_.order('prepare', bad));
    await told('staged', 2);
    console_.send(console_.order('benchmark', bad));
    await told('benchmarked', 2);
    console_.send(console_.order('swap', bad));
    await told('rolled_back');
    expect(console_.last('rolled_back')).toEqual({ kind: 'rolled_back', code });
    expect(device.agent.status().running?.digest).toBe(one.digest);
  });

  it('takes the device down at each start: after three starts it goes back', async () => {
    const one = await running();
    const deadly = await publisher.publish(2, { fault: 'deadly' });
    console_.send(console_.order('prepare', deadly));
    await told('staged', 2);
    console_.send(console_.order('benchmark', deadly));
    await told('benchmarked', 2);
    let deaths = 0;
    for (let boots = 0; boots < 6 && !console_.kinds().includes('rolled_back'); boots++) {
      // A start that never comes back is a device that is down.
      let died = (): void => {};
      const down = new Promise<void>((resolve) => (died = resolve));
      const disk = nodeDisk(folder);
      const models = toldModels(disk, () => {
        deaths++;
        died();
        return new Promise<never>(() => {});
      });
      const before = device;
      device = testAgent(disk, publisher.url, publisher.root, console_.connect, { models });
      void before.agent.stop();
      void device.agent.start();
      if (boots === 0) {
        await until(() => expect(device.agent.status().connected).toBe(true));
        console_.send(console_.order('swap', deadly));
      }
      await Promise.race([down, told('rolled_back')]);
    }
    expect(deaths).toBe(3);
    expect(console_.last('rolled_back')).toEqual({ kind: 'rolled_back', code: 'INTERRUPTED' });
    expect(device.agent.status().running?.digest).toBe(one.digest);
  });
});

describe('going back by command', () => {
  it('from a version that is in service to the one before, told by its digest', async () => {
    const one = await running();
    const two = await publisher.publish(2, {});
    await roll(two, 'second');
    console_.send(console_.order('roll_back', two, { rolloutId: 'second' }));
    await told('running', 3);
    expect(console_.reports.findLast(({ report }) => report.kind === 'running')).toMatchObject({ rolloutId: 'second', report: { digest: one.digest } });
    // Once more finds the device where it should be.
    console_.send(console_.order('roll_back', two, { rolloutId: 'second' }));
    await told('running', 4);
    expect(console_.last('running')).toEqual({ kind: 'running', digest: one.digest });
  });

  it('is refused by name where there is nothing before', async () => {
    const one = await running();
    console_.send(console_.order('roll_back', one, { rolloutId: 'first' }));
    await told('refused');
    expect(console_.last('refused')).toEqual({ kind: 'refused', code: 'NO_GOOD_SLOT' });
    expect(device.agent.status().running?.digest).toBe(one.digest);
  });

  it('while the benchmark waits for a word: the candidate is left, and the device says what it runs', async () => {
    const one = await running();
    const two = await publisher.publish(2, {});
    console_.send(console_.order('prepare', two));
    await told('staged', 2);
    console_.send(console_.order('benchmark', two));
    await told('benchmarked', 2);
    console_.send(console_.order('roll_back', two));
    await told('running', 2);
    expect(console_.last('running')).toEqual({ kind: 'running', digest: one.digest });
    expect(device.agent.status().install).toBe('idle');
  });
});

describe('what is not for this device, or not as signed', () => {
  it.each([
    ['another workload', { workload: 'face-recognition' }, 'WRONG_DEVICE'],
    ['expired', { expiresAt: '2026-05-01T00:00:00Z' }, 'EXPIRED'],
  ])('%s: refused by name', async (_, change, code) => {
    const bad = await publisher.publish(1, {}, change);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    console_.send(console_.order('prepare', bad));
    await told('refused');
    expect(console_.last('refused')).toEqual({ kind: 'refused', code });
  });

  it('another digest than was ordered: a fault, nothing is installed', async () => {
    const one = await publisher.publish(1);
    const two = await publisher.publish(2);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    console_.send(console_.order('prepare', { ...one, digest: two.digest }));
    await told('fault');
    expect(console_.last('fault')).toEqual({ kind: 'fault', code: 'MIXED_DOCUMENTS', retry: true });
  });

  it('an older version than the device has accepted', async () => {
    const one = await publisher.publish(1);
    const two = await publisher.publish(2);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    await roll(two, 'second');
    console_.send(console_.order('prepare', one));
    await told('refused');
    expect(console_.last('refused')).toEqual({ kind: 'refused', code: 'OLD_VERSION' });
  });

  it.each([['freshness'], ['manifests'], ['time']])('a server that breaks down over the %s document: asked again, and told as a failure once that has not helped often enough', async (which) => {
    const one = await publisher.publish(1);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    let failures = 0;
    publisher.intercept = (path) => (path.startsWith(`/v1/${which}`) && failures++ < 3 ? 500 : null);
    console_.send(console_.order('prepare', one));
    await told('staged');
    expect(console_.kinds()).not.toContain('fault');

    failures = Number.NEGATIVE_INFINITY;
    console_.send(console_.order('prepare', await publisher.publish(2)));
    await told('fault');
    expect(console_.last('fault')).toEqual({ kind: 'fault', code: 'DOWNLOAD_FAILED', retry: true });
  });

  it('a server that sheds: told as shed, never as a failure', async () => {
    const one = await publisher.publish(1);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    publisher.intercept = () => 503;
    console_.send(console_.order('prepare', one));
    await told('shed');
    publisher.intercept = () => null;
    console_.send(console_.order('prepare', one));
    await told('staged');
    expect(console_.kinds()).not.toContain('fault');
  });
});

describe('time', () => {
  it.each([['ten years behind', -10 * YEAR_MS], ['ten years ahead', 10 * YEAR_MS]])('a device %s installs what is current, and nothing that has expired', async (_, clockOffMs) => {
    const expired = await publisher.publish(1, {}, { expiresAt: '2026-05-01T00:00:00Z' });
    const fine = await publisher.publish(2);
    await boot({ clockOffMs });
    await until(() => expect(console_.births).toHaveLength(1));
    console_.send(console_.order('prepare', expired));
    await told('refused');
    expect(console_.last('refused')).toEqual({ kind: 'refused', code: 'EXPIRED' });
    await roll(fine, 'fine');
    expect(device.agent.status().running?.digest).toBe(fine.digest);
  });

  it('an order that has run out by the console’s clock is not carried out, whatever the device’s clock says', async () => {
    const one = await publisher.publish(1);
    await boot({ clockOffMs: -10 * YEAR_MS });
    await until(() => expect(device.agent.status().connected).toBe(true));
    console_.send(console_.order('prepare', one, { validUntilMs: publisher.now() - 1 }));
    await until(() => expect(device.lines).toContainEqual(expect.stringContaining('run out')));
    expect(console_.reports).toEqual([]);
  });

  it('a benchmark that nobody decides on in time goes back to staged; a swap that comes later, and still counts, is carried out', async () => {
    const one = await publisher.publish(1);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    console_.send(console_.order('prepare', one));
    await told('staged');
    console_.send(console_.order('benchmark', one, { validUntilMs: publisher.now() + 300 }));
    await told('benchmarked');
    await until(() => expect(device.agent.status().install).toBe('staged'));
    console_.send(console_.order('swap', one));
    await told('running');
    expect(console_.kinds().filter((kind) => kind === 'benchmarked')).toHaveLength(1);
  });
});

describe('what goes over the wire', () => {
  it('commands that come twice, out of order or before the welcome take effect once, after it', async () => {
    const one = await publisher.publish(1);
    console_.welcomes = false;
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    const old = console_.order('discard', one);
    const prepare = console_.order('prepare', one);
    console_.send(prepare);
    console_.send(prepare);
    console_.send(old);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(publisher.requests).toEqual([]);
    console_.welcome(99);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(publisher.requests).toEqual([]);
    console_.welcome(console_.births[0]?.birth ?? 0);
    await told('staged');
    const requests = publisher.requests.length;
    console_.send(prepare);
    console_.send({ ...prepare, id: 'another', sequence: prepare.sequence });
    console_.send(old);
    await until(() => expect(device.lines.filter((line) => line.includes('came again'))).toHaveLength(5));
    expect(publisher.requests).toHaveLength(requests);
    expect(device.agent.status().install).toBe('staged');
  });

  it('reports and telemetry that were not acknowledged come again after the next welcome, with their numbers, and are forgotten afterwards', async () => {
    const one = await publisher.publish(1);
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    console_.acks = false;
    await roll(one, 'r1');
    await until(() => expect(console_.batches.length).toBeGreaterThan(2));
    const arrived = console_.arrived;
    expect(device.agent.status().waitingReports).toBeGreaterThan(0);
    console_.online = false;
    console_.acks = true;
    // This console has lost the newest two.
    console_.reports.splice(-2);
    console_.online = true;
    await until(() => expect(device.agent.status().waitingReports).toBe(0));
    expect(console_.arrived).toBeGreaterThan(arrived);
    expect(console_.kinds()).toContain('running');
    const [first, second, ...others] = console_.births.map(({ birth }) => birth);
    expect([(second ?? 0) - (first ?? 0), others]).toEqual([1, []]);
    await until(() => expect(readdirSync(join(folder, 'telemetry')).length).toBeLessThan(2));
  });

  it('offline for long: the newest telemetry is kept, what was given up is counted, and numbers go on after a restart', async () => {
    await running();
    await until(() => expect(console_.batches.length).toBeGreaterThan(1));
    console_.online = false;
    await until(() => expect(readdirSync(join(folder, 'telemetry')).length).toBe(5));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(readdirSync(join(folder, 'telemetry')).length).toBe(5);
    await device.agent.stop();
    const before = console_.batches.at(-1)?.batch ?? 0;
    const seen = console_.batches.length;
    await boot();
    console_.online = true;
    await until(() => expect(console_.batches.length).toBeGreaterThan(seen + 4));
    const numbers = console_.batches.slice(seen).map(({ batch }) => batch);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers[0]).toBeGreaterThan(before + 1);
    expect(console_.batches.slice(seen).some((batch) => batch.rows.length === 3)).toBe(true);
    expect(console_.births.at(-1)?.reported.values['droppedRows']).toBeGreaterThan(0);
    expect(console_.births.at(-1)?.birth).toBeGreaterThan(console_.births.at(-2)?.birth ?? 0);
  });

  it('a device whose state was lost, or that wrote less than it sent, is not taken for one that repeats itself', async () => {
    const one = await running();
    const highest = console_.reports.at(-1)?.sequence ?? 0;
    await device.agent.stop();
    rmSync(join(folder, 'agent.json'));
    await boot();
    await until(() => expect(device.agent.status().connected).toBe(true));
    console_.send(console_.order('prepare', one, { rolloutId: 'again' }));
    await until(() => expect(console_.reports.some((each) => each.rolloutId === 'again')).toBe(true));
    expect(console_.reports.at(-1)?.sequence).toBeGreaterThan(highest);
    expect(console_.births.at(-1)?.birth).toBeGreaterThan(console_.births[0]?.birth ?? 0);
    const before = console_.births.at(-1)?.birth ?? 0;
    await device.agent.stop();
    writeFileSync(join(folder, 'agent.json'), 'rubbish');
    await boot();
    await until(() => expect(device.agent.status().connected).toBe(true));
    expect(console_.births.at(-1)?.birth).toBeGreaterThan(Math.max(1e12, before));
    // Key and certificate lie elsewhere: all else is gone, and it is heard all the same.
    const last = console_.births.at(-1)?.birth ?? 0;
    await device.agent.stop();
    rmSync(folder, { recursive: true });
    await boot();
    await until(() => expect(device.agent.status().connected).toBe(true));
    expect(console_.births.at(-1)?.birth).toBeGreaterThan(Math.max(1e12, last));
  });

  it('desired values are taken over, told with a birth of the same session, and kept', async () => {
    await boot();
    await until(() => expect(console_.births).toHaveLength(1));
    console_.send({ format: 1, kind: 'configure', version: 3, values: { framesPerS: 7 } });
    await until(() => expect(console_.births).toHaveLength(2));
    expect(console_.births[1]).toMatchObject({ birth: console_.births[0]?.birth, reported: { version: 3, values: { framesPerS: 7 } } });
    console_.send({ format: 1, kind: 'configure', version: 2, values: { framesPerS: 50 } });
    console_.send({ format: 1, kind: 'rebirth' });
    await until(() => expect(console_.births).toHaveLength(3));
    expect(console_.births[2]?.reported).toMatchObject({ version: 3, values: { framesPerS: 7 } });
    await device.agent.stop();
    await boot();
    await until(() => expect(console_.births).toHaveLength(4));
    expect(console_.births[3]?.reported).toMatchObject({ version: 3, values: { framesPerS: 7 } });
  });
});

describe('in service', () => {
  it('a model that dies is started again, and its errors are counted', async () => {
    const one = await running();
    const loads = device.models.loads.length;
    device.models.crash();
    expect(device.agent.status().running).toBe(null);
    await until(() => expect(device.agent.status().running?.digest).toBe(one.digest));
    expect(device.models.loads).toHaveLength(loads + 1);
  });

  it('runs on from the disk after a restart without any console', async () => {
    const one = await running();
    await device.agent.stop();
    console_.online = false;
    await boot();
    await until(() => expect(device.agent.status().running?.digest).toBe(one.digest));
  });
});
