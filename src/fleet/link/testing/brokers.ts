/** Real brokers for tests: the embedded one, and Mosquitto where it is installed. Both with the same authority and the same rights. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedBroker } from '../broker/embedded-broker.ts';
import { mosquittoAcl, mosquittoConfig } from '../broker/mosquitto-files.ts';
import { createAuthority, createDeviceRequest, issueConsoleCertificate, issueDeviceCertificate, issueServerCertificate, type Authority } from '../pki/authority.ts';
import type { LinkTls } from '../mqtt/connection.ts';

export const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find((path) => existsSync(path));

export interface TestBroker {
  readonly url: string;
  readonly authority: Authority;
  /** Ends it as a power cut does not, and starts it again on the same port and folder. */
  restart(): Promise<void>;
  device(id: string): Promise<LinkTls>;
  console(): Promise<LinkTls>;
  close(): Promise<void>;
}

async function identities(authority: Authority): Promise<Pick<TestBroker, 'device' | 'console'>> {
  const owner = await issueConsoleCertificate(authority, Date.now());
  return {
    async device(id) {
      const request = await createDeviceRequest();
      const { certPem } = await issueDeviceCertificate(authority, request.csrPem, id, Date.now());
      return { authorityPem: authority.certPem, identity: { certPem, keyPem: request.keyPem } };
    },
    console: async () => ({ authorityPem: authority.certPem, identity: owner }),
  };
}

export interface EmbeddedTestBroker extends TestBroker {
  readonly shutOut: Set<string>;
  readonly cloned: string[];
  readonly refused: string[];
  sessions(): number;
  endSession(deviceId: string): void;
}

export async function embeddedBroker(): Promise<EmbeddedTestBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-broker-'));
  const authority = await createAuthority('Test', Date.now());
  const { certPem, keyPem } = await issueServerCertificate(authority, ['127.0.0.1'], Date.now());
  const shutOut = new Set<string>();
  const cloned: string[] = [];
  const refused: string[] = [];
  const start = (port: number): ReturnType<typeof startEmbeddedBroker> =>
    startEmbeddedBroker({
      folder: join(folder, 'broker'), host: '127.0.0.1', port, tls: { certPem, keyPem, authorityPem: authority.certPem },
      mayConnect: (id) => !shutOut.has(id), onClone: (id) => cloned.push(id), onRefused: (text) => refused.push(text),
    });
  let broker = await start(0);
  return {
    ...(await identities(authority)),
    url: broker.url,
    authority,
    shutOut,
    cloned,
    refused,
    sessions: () => broker.sessions(),
    endSession: (id) => broker.shutOut(id),
    async restart() {
      await broker.close();
      broker = await start(broker.port);
    },
    async close() {
      await broker.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function mosquittoBroker(): Promise<TestBroker> {
  const authority = await createAuthority('Test', Date.now());
  const own = await issueServerCertificate(authority, ['127.0.0.1'], Date.now());
  return { ...(await identities(authority)), authority, ...(await startMosquitto({ ...own, authorityPem: authority.certPem })) };
}

/** A Mosquitto of its own, with the rights that devices and console have. */
export async function startMosquitto({ certPem, keyPem, authorityPem }: { readonly certPem: string; readonly keyPem: string; readonly authorityPem: string }): Promise<Pick<TestBroker, 'url' | 'restart' | 'close'> & { /** Killed, without time to save anything, and started again. */ crash(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'edgewise-mosquitto-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  mkdirSync(join(folder, 'kept'));
  const port = await freePort();
  const config = file('mosquitto.conf', `user root\n${mosquittoConfig({
    port, host: '127.0.0.1', authorityFile: file('authority.pem', authorityPem), certificateFile: file('server.pem', certPem), keyFile: file('server-key.pem', keyPem),
    aclFile: file('acl', mosquittoAcl()), persistenceFolder: join(folder, 'kept'),
  })}`);
  let child: ChildProcess | undefined;
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  };
  const start = async (): Promise<void> => {
    child = spawn(MOSQUITTO ?? 'mosquitto', ['-c', config], { stdio: 'ignore' });
    await accepts(port, authorityPem);
  };
  await start();
  return {
    url: `mqtts://127.0.0.1:${port}`,
    async restart() {
      await stop();
      await start();
    },
    async crash() {
      await stop('SIGKILL');
      await start();
    },
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function accepts(port: number, ca: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', ca }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await delay(50);
  }
  throw new Error('Mosquitto did not start');
}
