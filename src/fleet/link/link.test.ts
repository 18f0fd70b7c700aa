/** One table of cases, two real brokers: the embedded one and Mosquitto, over TLS with certificates on both sides. */
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BirthMessage, CommandMessage } from '../../contract/wire/messages.ts';
import { deviceTopic } from '../../contract/wire/topics.ts';
import { connectConsoleLink, type ConsoleLink } from './mqtt/console-link.ts';
import { connectDeviceLink, type DeviceLink } from './mqtt/device-link.ts';
import type { LinkTls } from './mqtt/connection.ts';
import { embeddedBroker, MOSQUITTO, mosquittoBroker, type EmbeddedTestBroker, type TestBroker } from './testing/brokers.ts';

const retry = { firstMs: 50, mostMs: 200 };

const birth = (number: number): BirthMessage => ({
  format: 1, birth: number, atMs: 1, class: 'edge-box', workload: 'customer-flow', simulated: false, running: null, install: 'idle', reports: 0, batches: 0, reported: { version: 0, values: {} },
  inventory: { agentVersion: '1', hardware: 'linux-x64', cpu: 'x', cores: 2, memoryBytes: 1, freeDiskBytes: 1, os: 'Linux', accelerators: [], runtimes: [], energy: null },
});
const command = (id: string): CommandMessage => ({ format: 1, kind: 'rollout', id, rolloutId: 'r', command: 'prepare', sequence: 1, attempt: 0, delayMs: 0, validUntilMs: 1, artifact: 'a', version: 1, digest: '0'.repeat(64) });

const pair = ({ identity }: LinkTls): { cert: string; key: string } => ({ cert: identity?.certPem ?? '', key: identity?.keyPem ?? '' });

/** The client where it was let in; else why not. */
function enter(url: string, options: IClientOptions): Promise<MqttClient | string> {
  return new Promise((resolve) => {
    const client = connect(url, { reconnectPeriod: 0, protocolVersion: 4, connectTimeout: 3000, ...options });
    let why = 'closed';
    client.on('error', (error) => (why = String((error as { code?: unknown }).code ?? error.message)));
    client.once('connect', () => resolve(client));
    client.once('close', () => {
      client.end(true);
      resolve(why);
    });
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (holds()) return;
    await delay(20);
  }
  throw new Error(`waited in vain for: ${what}`);
}

const KINDS = [
  ['embedded', embeddedBroker, true],
  ['mosquitto', mosquittoBroker, MOSQUITTO !== undefined],
] as const;

for (const [kind, make, installed] of KINDS) {
  describe.skipIf(!installed)(`the link over the ${kind} broker`, () => {
    let broker: TestBroker;
    const heard: string[] = [];
    const bad: string[] = [];
    const links: (ConsoleLink | DeviceLink)[] = [];
    const raw: MqttClient[] = [];
    let console_: ConsoleLink;
    let consoleIsUp = false;

    beforeAll(async () => {
      broker = await make();
      console_ = connectConsoleLink({
        url: broker.url, tls: await broker.console(), random: Math.random, retry, onBad: (text) => bad.push(text), onState: (state) => (consoleIsUp = state === 'connected'),
        handlers: {
          birth: (id, message) => heard.push(`${id} birth ${message.birth}`),
          death: (id, message) => heard.push(`${id} death ${message.birth}`),
          report: (id, message) => heard.push(`${id} report ${message.sequence} ${message.report.kind}`),
          telemetry: (id, message) => heard.push(`${id} telemetry ${message.batch}`),
        },
      });
      await until('the console', () => consoleIsUp);
    });
    afterEach(async () => {
      await Promise.all([...links.splice(0).map((link) => link.close()), ...raw.splice(0).map((client) => client.endAsync(true))]);
      heard.length = 0;
      bad.length = 0;
    });
    afterAll(async () => {
      await console_.close();
      await broker.close();
    });

    function device(id: string, tls: LinkTls, told: string[] = [], number = { next: 1 }): DeviceLink {
      const link = connectDeviceLink({
        url: broker.url, tls, deviceId: id, random: Math.random, retry, birth: () => birth(number.next++), onState: (state) => told.push(state),
        onWelcome: (message) => told.push(`welcome ${message.birth}`), onCommand: (message) => told.push(`command ${message.kind === 'rollout' ? message.id : message.kind}`), onAck: (message) => told.push(`ack ${message.reports}`),
        onBad: (text) => told.push(`bad ${text}`),
      });
      links.push(link);
      return link;
    }
    const rawClient = async (tls: LinkTls, clientId: string, more: object = {}): Promise<MqttClient> => {
      const client = await connectAsync(broker.url, { clientId, ca: tls.authorityPem, ...pair(tls), reconnectPeriod: 0, protocolVersion: 4, ...more });
      client.on('error', () => {});
      raw.push(client);
      return client;
    };

    it('carries births, reports and telemetry up, and what the console says down', async () => {
      const told: string[] = [];
      const link = device('d-1', await broker.device('d-1'), told);
      await until('the birth', () => heard.includes('d-1 birth 1'));
      link.report({ format: 1, sequence: 7, rolloutId: 'r', attempt: 0, atMs: 1, report: { kind: 'staged' } });
      link.telemetry({ format: 1, batch: 3, sentAtMs: 1, simulated: false, rows: [{ fromMs: 1, durationMs: 1, digest: '0'.repeat(64), inferences: 1, errors: 0, latencyP50Ms: 1, latencyP95Ms: 1, throughputPerS: 1, busyShare: 0, cpuShare: null, temperatureC: null, energy: null, accuracy: null }] });
      await until('both', () => heard.includes('d-1 report 7 staged') && heard.includes('d-1 telemetry 3'));
      await console_.welcome('d-1', { format: 1, birth: 1, nowMs: 1, artifactsUrl: 'https://x', ack: { reports: 0, batches: 0 }, desired: { version: 0, values: {} } });
      await console_.command('d-1', command('c1'));
      await console_.ack('d-1', { format: 1, reports: 7, nowMs: 1 });
      await until('the answers', () => told.length === 4);
      expect(told).toEqual(['connected', 'welcome 1', 'command c1', 'ack 7']);
    });

    it('tells of a death: at once when the device says good-bye, by the last will when it does not', async () => {
      const link = device('d-2', await broker.device('d-2'));
      await until('the birth', () => heard.includes('d-2 birth 1'));
      await link.close();
      links.length = 0;
      await until('the good-bye', () => heard.includes('d-2 death 1'));
      const tls = await broker.device('d-3');
      const client = await rawClient(tls, 'd-3', { will: { topic: deviceTopic('d-3', 'death'), payload: '{"format":1,"birth":5}', qos: 1, retain: false } });
      client.stream.destroy();
      await until('the will', () => heard.includes('d-3 death 5'));
    });

    it('a second session of a device puts the first one out; the death that this tells carries the older number', async () => {
      const tls = await broker.device('d-4');
      await rawClient(tls, 'd-4', { will: { topic: deviceTopic('d-4', 'death'), payload: '{"format":1,"birth":8}', qos: 1, retain: false } });
      device('d-4', tls, [], { next: 9 });
      await until('the newer birth', () => heard.includes('d-4 birth 9'));
      expect(heard.filter((line) => line.startsWith('d-4 death')).every((line) => line === 'd-4 death 8')).toBe(true);
    });

    it('lets a device neither say nor hear what is another\'s, nor what is everybody\'s', async () => {
      const tls = await broker.device('spy');
      const stolen: string[] = [];
      for (const filter of ['#', '+/#', 'edgewise/1/devices/+/command', deviceTopic('d-1', 'command'), deviceTopic('d-1', 'report'), '$SYS/#', 'edgewise/1/devices/spy/#']) {
        const client = await rawClient(tls, 'spy');
        client.on('message', (topic) => stolen.push(topic));
        await client.subscribeAsync(filter, { qos: 1 }).catch(() => []);
        await client.endAsync(true);
      }
      const listener = await rawClient(tls, 'spy', { clean: false });
      listener.on('message', (topic) => stolen.push(topic));
      const told: string[] = [];
      device('d-1', await broker.device('d-1'), told);
      await until('the victim', () => heard.includes('d-1 birth 1'));
      await console_.command('d-1', command('secret'));
      await until('the command', () => told.includes('command secret'));
      for (const topic of [deviceTopic('d-1', 'report'), deviceTopic('d-1', 'birth'), deviceTopic('d-1', 'command'), deviceTopic('spy', 'command'), 'anything', 'edgewise/1/devices/d-1']) {
        const client = await rawClient(tls, 'spy');
        await Promise.race([client.publishAsync(topic, JSON.stringify(birth(66)), { qos: 1 }).catch(() => {}), delay(300)]);
        await client.endAsync(true);
      }
      await console_.command('d-1', command('after'));
      await until('the next command', () => told.includes('command after'));
      expect(stolen).toEqual([]);
      expect(heard.some((line) => line.includes('66'))).toBe(false);
      expect(told.filter((line) => line.startsWith('command'))).toEqual(['command secret', 'command after']);
    });

    it('names what is no message, and goes on', async () => {
      const tls = await broker.device('d-5');
      const client = await rawClient(tls, 'd-5');
      for (const payload of ['{', 'null', '{"format":2}', Buffer.from([0xff, 0xfe]), '{"format":1,"birth":-1}']) await client.publishAsync(deviceTopic('d-5', 'birth'), payload, { qos: 1 });
      await client.publishAsync(deviceTopic('d-5', 'birth'), JSON.stringify(birth(4)), { qos: 1 });
      await until('the good one', () => heard.includes('d-5 birth 4'));
      expect(bad).toHaveLength(5);
      expect(heard.filter((line) => line.startsWith('d-5'))).toEqual(['d-5 birth 4']);
    });

    it('lets nobody in without a certificate, with that of another authority, or under another name', async () => {
      const other = await embeddedBroker();
      const tls = await broker.device('d-6');
      const foreign = await other.device('d-6');
      expect(await enter(broker.url, { clientId: 'd-6', ca: tls.authorityPem })).toBeTypeOf('string');
      expect(await enter(broker.url, { clientId: 'd-6', ca: tls.authorityPem, ...pair(foreign) })).toBeTypeOf('string');
      await other.close();
      // Mosquitto gives the client the name of its certificate; the embedded broker turns it away. Under another's name it comes with neither.
      const claimed = await enter(broker.url, { clientId: 'edgewise-console', ca: tls.authorityPem, ...pair(tls) });
      if (typeof claimed !== 'string') {
        // Mosquitto grants the subscription and then delivers nothing through it.
        const stolen: string[] = [];
        claimed.on('message', (topic) => stolen.push(topic));
        await claimed.subscribeAsync('edgewise/1/devices/+/birth', { qos: 1 }).catch(() => []);
        device('d-1', await broker.device('d-1'));
        await until('a birth', () => heard.includes('d-1 birth 1'));
        expect(stolen).toEqual([]);
        await claimed.endAsync(true);
      }
      expect(consoleIsUp).toBe(true);
    });

    it('keeps what is on its way to a device that is away, also over a restart of the broker', async () => {
      const tls = await broker.device('d-7');
      const told: string[] = [];
      const number = { next: 1 };
      const link = device('d-7', tls, told, number);
      await until('the birth', () => heard.includes('d-7 birth 1'));
      await link.close();
      links.length = 0;
      await console_.command('d-7', command('kept'));
      await broker.restart();
      await until('the console again', () => consoleIsUp);
      device('d-7', tls, told, number);
      await until('what was kept', () => told.includes('command kept'));
      expect(told.filter((line) => line === 'command kept')).toHaveLength(1);
    });
  });
}

describe('the embedded broker', () => {
  let broker: EmbeddedTestBroker;
  beforeAll(async () => {
    broker = await embeddedBroker();
  });
  afterAll(() => broker.close());

  const open = async (tls: LinkTls, id: string): Promise<MqttClient> => {
    const client = await connectAsync(broker.url, { clientId: id, ca: tls.authorityPem, ...pair(tls), reconnectPeriod: 0, protocolVersion: 4, connectTimeout: 3000 });
    client.on('error', () => {});
    return client;
  };

  it('ends the session of a device that is shut out, and lets it come no more', async () => {
    const tls = await broker.device('gone');
    const client = await open(tls, 'gone');
    const ended = new Promise((resolve) => client.once('close', () => resolve(null)));
    broker.shutOut.add('gone');
    broker.endSession('gone');
    await ended;
    expect(await enter(broker.url, { clientId: 'gone', ca: tls.authorityPem, ...pair(tls) })).toBe('5');
    await until('the broker to know', () => broker.sessions() === 0);
  });

  it('says so when two devices use one certificate', async () => {
    const tls = await broker.device('twin');
    const clients: MqttClient[] = [];
    for (let turn = 0; turn < 8; turn++) clients.push(await open(tls, 'twin'));
    expect(broker.cloned).toContain('twin');
    await Promise.all(clients.map((client) => client.endAsync(true)));
  });

  it('cuts off a packet that is longer than any message, before it is whole', async () => {
    const client = await open(await broker.device('flood'), 'flood');
    const ended = new Promise((resolve) => client.once('close', () => resolve(null)));
    client.publish(deviceTopic('flood', 'report'), Buffer.alloc(8 * 2 ** 20), { qos: 1 }, () => {});
    await ended;
    await until('the broker to know', () => broker.sessions() === 0);
  });

  it('refuses a port that is taken, by name', async () => {
    const { startEmbeddedBroker } = await import('./broker/embedded-broker.ts');
    const port = Number(new URL(broker.url).port);
    const start = startEmbeddedBroker({ folder: `${process.env['TMPDIR'] ?? '/tmp'}/edgewise-taken-${process.pid}`, host: '127.0.0.1', port, tls: { certPem: broker.authority.certPem, keyPem: broker.authority.keyPem, authorityPem: broker.authority.certPem }, mayConnect: () => true });
    await expect(start).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
