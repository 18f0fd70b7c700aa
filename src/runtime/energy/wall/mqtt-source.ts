/**
 * A wall meter that is asked over an MQTT broker, each time anew:
 * - Tasmota: `cmnd/TOPIC/STATUS` with `8`, answered on `stat/TOPIC/STATUS8` (tasmota.github.io/docs/MQTT);
 * - Shelly Gen2+: a JSON-RPC frame on `TOPIC/rpc`, answered on `SRC/rpc` (shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt).
 * What the device publishes by itself comes too seldom: Tasmota every 300 s, Shelly once a minute.
 */
import { randomBytes } from 'node:crypto';
import { connectAsync, type MqttClient } from 'mqtt';
import { parseWall, type WallFormat, type WallSample } from './formats.ts';
import { NAMES } from './http-source.ts';
import type { WallSource } from './source.ts';

const ANSWER_MS = 3000;
const MOST_BYTES = 64 * 1024;

interface Dialect {
  readonly format: WallFormat;
  readonly listen: string;
  ask(client: MqttClient, id: number): void;
  /** @returns null: the answer to something else */
  answer(body: unknown, id: number): unknown;
}

/** @param url `mqtt[s]://[USER:PASSWORD@]BROKER[:PORT]/TOPIC[?channel=N]`. @returns or why it does not work, without the password */
export async function openMqttSource(url: URL): Promise<WallSource | { readonly failed: string }> {
  const topic = decodeURIComponent(url.pathname.slice(1)).replace(/\/$/u, '');
  const channel = Number(url.searchParams.get('channel') ?? 0);
  if (topic === '' || /[#+]/u.test(topic)) return { failed: 'the address has no topic of one device: mqtt://BROKER/TOPIC' };
  let client: MqttClient;
  try {
    client = await connectAsync(`${url.protocol}//${url.host}`, {
      connectTimeout: ANSWER_MS,
      reconnectPeriod: 1000,
      queueQoSZero: false,
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }),
    }, false);
  } catch (error) {
    return { failed: `the broker at ${url.host} cannot be reached${error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''}` };
  }
  client.on('error', () => {});
  const own = `edgewise-${randomBytes(6).toString('hex')}`;
  const dialects: readonly Dialect[] = [
    { format: 'tasmota', listen: `stat/${topic}/STATUS8`, ask: (to) => to.publish(`cmnd/${topic}/STATUS`, '8'), answer: (body) => body },
    {
      format: 'shelly2',
      listen: `${own}/rpc`,
      ask: (to, id) => to.publish(`${topic}/rpc`, JSON.stringify({ id, src: own, method: 'Switch.GetStatus', params: { id: channel } })),
      answer: (body, id) => (typeof body === 'object' && body !== null && 'id' in body && body.id === id && 'result' in body ? body.result : null),
    },
  ];
  const asked = (candidates: readonly Dialect[]): Promise<{ readonly dialect: Dialect; readonly sample: WallSample } | null> => ask(client, candidates, channel);
  try {
    await client.subscribeAsync(dialects.map(({ listen }) => listen));
    const first = await asked(dialects);
    if (first !== null) {
      const { dialect } = first;
      return {
        name: `${NAMES[dialect.format]} ${topic} by ${url.host}`,
        format: dialect.format,
        sample: async () => (client.connected ? ((await asked([dialect]))?.sample ?? { failed: `no answer within ${ANSWER_MS / 1000} s` }) : { failed: 'the broker is not connected' }),
        close: () => client.endAsync(true),
      };
    }
  } catch {
    // Refused, or the connection was lost meanwhile: told as no answer.
  }
  await client.endAsync(true);
  return { failed: `nobody answers at ${url.host} under the topic ${topic} with a power` };
}

let asks = 0;

function ask(client: MqttClient, dialects: readonly Dialect[], channel: number): Promise<{ readonly dialect: Dialect; readonly sample: WallSample } | null> {
  const id = (asks = (asks + 1) % 2 ** 31);
  return new Promise((resolve) => {
    const finish = (found: { readonly dialect: Dialect; readonly sample: WallSample } | null): void => {
      clearTimeout(timer);
      client.off('message', onMessage);
      resolve(found);
    };
    const onMessage = (topic: string, payload: Buffer): void => {
      const dialect = dialects.find(({ listen }) => listen === topic);
      if (dialect === undefined || payload.length > MOST_BYTES) return;
      const body = parseJson(payload);
      const sample = parseWall(dialect.format, dialect.answer(body, id), channel);
      if (sample !== null) finish({ dialect, sample });
    };
    const timer = setTimeout(() => finish(null), ANSWER_MS);
    client.on('message', onMessage);
    for (const dialect of dialects) dialect.ask(client, id);
  });
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
