/** A wall meter on a real socket: an HTTP server and an MQTT client that answer as the makers' documents say, from recorded answers. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { readFile } from 'node:fs/promises';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';

export type Kind = 'shelly1' | 'shelly2' | 'tasmota';

const TRACES: Readonly<Record<Kind, string>> = { shelly1: 'shelly-gen1-status', shelly2: 'shelly-gen2-switch', tasmota: 'tasmota-status8' };

export interface WallDevice {
  readonly url: string;
  /** What it answers next, and from then on. */
  show(answer: unknown): void;
  /** One after the other, each asked for once; the last stays. Over HTTP. */
  showInTurn?(answers: readonly unknown[]): void;
  readonly trace: readonly unknown[];
  /** From now on it answers with this status, or not at all. */
  fail(how: number | 'silence' | 'garbage' | 'endless'): void;
  mend(): void;
  close(): Promise<void>;
}

export async function recordedAnswers(kind: Kind): Promise<readonly unknown[]> {
  return JSON.parse(await readFile(new URL(`traces/${TRACES[kind]}.json`, import.meta.url), 'utf8')) as readonly unknown[];
}

/** @param login asked for as the kind does: Basic (Gen1), Digest with SHA-256 (Gen2), in the query (Tasmota) */
export async function startHttpDevice(kind: Kind, login?: { readonly user: string; readonly password: string }): Promise<WallDevice> {
  const trace = await recordedAnswers(kind);
  let now = trace[0];
  let failure: number | 'silence' | 'garbage' | 'endless' | null = null;
  let turns: unknown[] = [];
  const nonce = randomBytes(8).toString('hex');
  const allowed = (request: IncomingMessage, path: string, response: ServerResponse): boolean => {
    if (login === undefined || path === '/shelly') return true;
    const given = request.headers.authorization ?? '';
    if (kind === 'tasmota') return new URL(request.url ?? '', 'http://device').searchParams.get('password') === login.password;
    if (kind === 'shelly1') {
      response.setHeader('WWW-Authenticate', 'Basic realm="Shelly"');
      return given === `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
    }
    response.setHeader('WWW-Authenticate', `Digest qop="auth", realm="shellyplus1pm-a8032abe54dc", nonce="${nonce}", algorithm=SHA-256`);
    const field = (name: string): string => new RegExp(`\\b${name}="?([^",]+)"?`, 'u').exec(given)?.[1] ?? '';
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    const expected = hash(`${hash(`${login.user}:shellyplus1pm-a8032abe54dc:${login.password}`)}:${nonce}:${field('nc')}:${field('cnonce')}:auth:${hash(`GET:${request.url ?? ''}`)}`);
    return field('response') === expected;
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (failure === 'silence') return;
    if (failure === 'garbage') return void response.end('<html>');
    if (failure === 'endless') {
      response.write('[');
      const timer = setInterval(() => response.write('1,'.repeat(20_000)), 1);
      response.on('close', () => clearInterval(timer));
      return;
    }
    if (typeof failure === 'number') return void response.writeHead(failure).end();
    if (!allowed(request, path, response)) return void response.writeHead(401).end();
    if (path !== '/shelly' && turns.length > 0) now = turns.shift();
    const routes: Readonly<Record<Kind, Readonly<Record<string, unknown>>>> = {
      shelly1: { '/shelly': { type: 'SHPLG-S', mac: 'E868E7000001', auth: login !== undefined, fw: '20230913', num_meters: 1 }, '/status': now },
      shelly2: { '/shelly': { name: null, id: 'shellyplus1pm-a8032abe54dc', gen: 2, app: 'Plus1PM', auth_en: login !== undefined }, '/rpc/Switch.GetStatus': now },
      tasmota: { '/cm': now },
    };
    const answer = routes[kind][path];
    if (answer === undefined) return void response.writeHead(404).end();
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${login === undefined ? '' : `${login.user}:${login.password}@`}127.0.0.1:${port}`,
    trace,
    show: (answer) => (now = answer),
    showInTurn: (answers) => (turns = [...answers]),
    fail: (how) => (failure = how),
    mend: () => (failure = null),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A device on a broker of its own. */
export async function startMqttDevice(kind: 'shelly2' | 'tasmota', topic: string): Promise<WallDevice & { readonly broker: string }> {
  const trace = await recordedAnswers(kind);
  let now = trace[0];
  let silent = false;
  const aedes = await Aedes.createBroker();
  const sockets = new Set<{ destroy(): void }>();
  const server: TcpServer = createTcpServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const broker = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const device = await connectAsync(broker);
  await device.subscribeAsync(kind === 'tasmota' ? `cmnd/${topic}/STATUS` : `${topic}/rpc`);
  device.on('message', (_, payload) => {
    if (silent) return;
    if (kind === 'tasmota') {
      if (payload.toString() === '8') device.publish(`stat/${topic}/STATUS8`, JSON.stringify(now));
      return;
    }
    const { id, src, method } = JSON.parse(payload.toString()) as { id: number; src: string; method: string };
    device.publish(`${src}/rpc`, JSON.stringify(method === 'Switch.GetStatus' ? { id, src: topic, dst: src, result: now } : { id, src: topic, dst: src, error: { code: 404, message: 'No handler' } }));
  });
  return {
    url: `${broker}/${topic}`,
    broker,
    trace,
    show: (answer) => (now = answer),
    fail: () => (silent = true),
    mend: () => (silent = false),
    async close() {
      await device.endAsync(true);
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
