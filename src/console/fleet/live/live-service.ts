/**
 * The console's end of the line to its devices: broker, artifact server and conversation, up or down by a person's settings. Off until somebody
 * wants a fleet: before that no port is opened.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EdgewiseError, toEdgewiseError } from '../../../base/errors.ts';
import { linkSettings, type LinkSettings, type LinkStatus } from '../../../contract/rpc/fleet-routes.ts';
import type { CommandMessage } from '../../../contract/wire/messages.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from '../../../fleet/link/broker/embedded-broker.ts';
import { startArtifactServer, type ArtifactServer } from '../../../fleet/link/http/server.ts';
import type { ArtifactSource } from '../../../fleet/link/http/ports.ts';
import { connectConsoleLink, type ConsoleLink } from '../../../fleet/link/mqtt/console-link.ts';
import type { LinkTls } from '../../../fleet/link/mqtt/connection.ts';
import type { EventHub } from '../../events.ts';
import type { Store } from '../../store/open-store.ts';
import type { FleetRegistry } from '../registry/registry.ts';
import { createConversation, type Conversation, type RolloutEars } from './conversation.ts';
import { createEnrolmentService, type EnrolmentService } from './enrolments.ts';
import { openLinkKeys, type LinkKeys } from './link-keys.ts';

export interface LiveOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly events: EventHub;
  readonly rollouts: RolloutEars;
  readonly source: ArtifactSource;
  readonly firstTrust: () => Promise<Uint8Array>;
  /** For keys and what the embedded broker keeps. */
  readonly folder: string;
  readonly now: () => number;
  readonly newId: () => string;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

export interface LiveService {
  status(): LinkStatus;
  settings(): LinkSettings;
  /** Takes the line down and up again as asked. @throws BAD_REQUEST; what goes wrong after that stands in the status */
  setSettings(settings: LinkSettings): Promise<void>;
  /** Brings the line up where the settings say so. Never throws: the status says what is wrong. */
  start(): Promise<void>;
  /** @throws CONFLICT while the line is down */
  enrolments(): EnrolmentService;
  readonly conversation: Conversation;
  /** Now, or never: whoever sends asks for it again at the next birth. */
  send(deviceId: string, message: CommandMessage): void;
  /** @throws NOT_FOUND */
  revoke(deviceId: string): void;
  close(): Promise<void>;
}

const DEFAULTS: LinkSettings = { enabled: false, host: '127.0.0.1', brokerPort: 8883, artifactsPort: 8443, external: null, bytesPerS: null };
const TICK_MS = 5000;
/** How often the console looks whether its own certificates end soon. */
const RENEW_MS = 3_600_000;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '::1']);

interface Line {
  readonly keys: LinkKeys;
  readonly enrolments: EnrolmentService;
  readonly artifacts: ArtifactServer;
  readonly broker: EmbeddedBroker | null;
  readonly console: ConsoleLink;
  /** Puts a new certificate in the place of one that ends soon. */
  renewServer(): Promise<void>;
}

export function createLiveService(options: LiveOptions): LiveService {
  const { store, registry, events, now, log } = options;
  let settings = store.settings.own('fleet-link', linkSettings) ?? DEFAULTS;
  let line: Line | undefined;
  let state: LinkStatus['state'] = 'off';
  let error: LinkStatus['error'] = null;
  let urls = { broker: '', artifacts: '' };
  let heard = 0;
  let messagesPerS = 0;
  let work: Promise<void> = Promise.resolve();
  let closed = false;

  const status = (): LinkStatus => ({
    state, broker: settings.external === null ? 'embedded' : 'external', brokerUrl: urls.broker, artifactsUrl: urls.artifacts,
    connections: registry.rows().filter((row) => row.presence === 'online').length, messagesPerS, error,
  });
  const tell = (): void => events.emit({ type: 'link.changed', status: status() });
  const enter = (next: LinkStatus['state'], problem?: EdgewiseError): void => {
    state = next;
    error = problem ? { code: problem.code, message: problem.message, hint: problem.hint ?? null } : null;
    tell();
  };
  const sent = (promise: Promise<void> | undefined): void => void promise?.catch(() => {});

  const conversation = createConversation({
    store, registry, rollouts: options.rollouts, now, log,
    artifactsUrl: () => urls.artifacts,
    mouth: {
      welcome: (deviceId, message) => sent(line?.console.welcome(deviceId, message)),
      command: (deviceId, message) => sent(line?.console.command(deviceId, message)),
      ack: (deviceId, message) => sent(line?.console.ack(deviceId, message)),
    },
  });

  const up = async (): Promise<void> => {
    enter('starting');
    const { host, external } = settings;
    const keys = await openLinkKeys(options.folder, now);
    const listenOn = LOOPBACK.has(host) ? '127.0.0.1' : '0.0.0.0';
    const serverTls = async (): Promise<{ readonly certPem: string; readonly keyPem: string; readonly authorityPem: string }> => ({ ...(await keys.server([...new Set([host, '127.0.0.1', 'localhost'])])), authorityPem: keys.authority.certPem });
    const tls = await serverTls();
    let shown = tls.certPem;
    const own = await keys.console();
    const outside = external === null ? null : readTls(external);
    const enrolments = createEnrolmentService({
      store, registry, authority: keys.authority, firstTrust: options.firstTrust, now, newId: options.newId,
      wayIn: () => ({ brokerUrl: urls.broker, artifactsUrl: urls.artifacts, brokerAuthorityPem: outside?.authorityPem ?? null }),
      onChange: () => events.emit({ type: 'fleet.registry' }),
      shutOut(deviceId) {
        line?.broker?.shutOut(deviceId);
        line?.artifacts.shutOut(deviceId);
      },
    });
    const begun: (() => Promise<void>)[] = [];
    try {
      const artifacts = await startArtifactServer({
        host: listenOn, port: settings.artifactsPort, tls, source: options.source, enrolments, mayFetch: (deviceId, fingerprint) => enrolments.mayConnect(deviceId, fingerprint),
        storeOf(deviceId) {
          const shop = registry.store(registry.row(deviceId)?.storeId ?? '');
          return shop === undefined ? null : { id: shop.id, bytesPerS: shop.linkKbitPerS === null ? null : shop.linkKbitPerS * 125 };
        },
        limits: { bytesPerS: settings.bytesPerS },
        onFault: (fault) => log(`fault in the artifact server: ${String(fault)}`),
      }).catch((cause: unknown) => {
        throw taken('artifact server', settings.artifactsPort, cause);
      });
      begun.push(() => artifacts.close());
      const broker = external === null
        ? await startEmbeddedBroker({
            folder: join(options.folder, 'broker'), host: listenOn, port: settings.brokerPort, tls, mayConnect: (deviceId, fingerprint) => enrolments.mayConnect(deviceId, fingerprint),
            onRefused: (text) => log(`broker refused: ${text}`),
            onClone(deviceId) {
              registry.addEvent(deviceId, { atMs: now(), kind: 'cloned', text: 'two devices use its certificate; it is shut out', rolloutId: null });
              enrolments.revoke(deviceId);
            },
          })
        : null;
      if (broker) begun.push(() => broker.close());
      urls = { artifacts: `https://${named(host)}:${artifacts.port}`, broker: external?.url ?? `mqtts://${named(host)}:${broker?.port ?? 0}` };
      const console = connectConsoleLink({
        url: external?.url ?? `mqtts://127.0.0.1:${broker?.port ?? 0}`,
        tls: outside ?? { authorityPem: keys.authority.certPem, identity: own },
        handlers: counting(conversation),
        random: options.random,
        onBad: (text) => log(`not understood: ${text.slice(0, 300)}`),
        onState(next, problem) {
          if (next === 'connected') {
            enter('on');
            conversation.ask(registry.rows().filter((row) => row.credential === 'accepted').map((row) => row.id));
          } else if (next === 'disconnected' && state !== 'off') {
            conversation.blind();
            enter('failed', problem ?? new EdgewiseError('CONFLICT', 'The connection to the broker was lost.', { hint: 'It is tried again by itself.' }));
          }
        },
      });
      line = {
        keys, enrolments, artifacts, broker, console,
        async renewServer() {
          const next = await serverTls();
          if (next.certPem === shown) return;
          artifacts.setTls(next);
          broker?.setTls(next);
          shown = next.certPem;
          log('the server certificate was renewed; open connections stay');
        },
      };
    } catch (problem) {
      for (const end of begun.toReversed()) await end();
      throw problem;
    }
  };

  const counting = (to: Conversation): Pick<Conversation, 'birth' | 'death' | 'report' | 'telemetry'> => {
    const guarded = <M>(handle: (deviceId: string, message: M) => void) => (deviceId: string, message: M): void => {
      heard++;
      try {
        handle(deviceId, message);
      } catch (fault) {
        log(`fault while ${deviceId} spoke: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`);
      }
    };
    return { birth: guarded(to.birth), death: guarded(to.death), report: guarded(to.report), telemetry: guarded(to.telemetry) };
  };

  const down = async (): Promise<void> => {
    const ended = line;
    line = undefined;
    state = 'off';
    if (ended === undefined) return tell();
    await ended.console.close();
    await ended.artifacts.close();
    await ended.broker?.close();
    conversation.blind();
    enter('off');
  };

  const bring = (): Promise<void> => {
    work = work.then(async () => {
      await down();
      if (!settings.enabled || closed) return;
      try {
        await up();
      } catch (problem) {
        enter('failed', toEdgewiseError(problem));
      }
    });
    return work;
  };

  let counted = 0;
  const timer = setInterval(() => {
    messagesPerS = (heard - counted) / (TICK_MS / 1000);
    counted = heard;
    conversation.tick();
    if (state === 'on') tell();
  }, TICK_MS).unref();

  const renewing = setInterval(() => {
    line?.renewServer().catch((problem: unknown) => log(`the server certificate could not be renewed: ${toEdgewiseError(problem).message}`));
  }, RENEW_MS).unref();

  return {
    status,
    settings: () => settings,
    async setSettings(next) {
      if (next.external) readTls(next.external);
      settings = next;
      store.settings.setOwn('fleet-link', next);
      await bring();
    },
    start: bring,
    enrolments() {
      if (line === undefined) {
        throw new EdgewiseError('CONFLICT', error === null ? 'The line to the devices is off.' : `The line to the devices is down: ${error.message}`, { hint: 'Turn it on with: edgewise fleet link --on, while the console runs (edgewise serve).' });
      }
      return line.enrolments;
    },
    conversation,
    send: (deviceId, message) => sent(line?.console.command(deviceId, message)),
    revoke(deviceId) {
      if (registry.row(deviceId) === undefined) throw new EdgewiseError('NOT_FOUND', `There is no device "${deviceId}".`);
      if (line) return line.enrolments.revoke(deviceId);
      store.enrolments.revoke(deviceId, now());
      registry.setCredential(deviceId, 'revoked');
    },
    async close() {
      closed = true;
      clearInterval(timer);
      clearInterval(renewing);
      await work;
      await down();
      registry.close();
    },
  };
}

/** For URLs: an IPv6 address goes into brackets. */
function named(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function taken(what: string, port: number, cause: unknown): unknown {
  if ((cause as { readonly code?: unknown } | null)?.code !== 'EADDRINUSE') return cause;
  return new EdgewiseError('CONFLICT', `Port ${port} of the ${what} is taken by another program.`, { hint: 'Choose another port under Fleet, Connection.', cause });
}

function readTls(external: NonNullable<LinkSettings['external']>): LinkTls | null {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (cause) {
      throw new EdgewiseError('FILE_UNREADABLE', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, { hint: 'Name a PEM file that this program may read.', cause });
    }
  };
  const { authorityPath, certificatePath, keyPath } = external;
  if (authorityPath === null) return null;
  return { authorityPem: read(authorityPath), ...(certificatePath !== null && keyPath !== null ? { identity: { certPem: read(certificatePath), keyPem: read(keyPath) } } : {}) };
}
