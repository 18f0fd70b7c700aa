/**
 * What the console answers when devices speak. Stored first, acknowledged then: what is not acknowledged the device says again, and what comes
 * twice changes nothing.
 */
import type { AckMessage, BirthMessage, CommandMessage, DeathMessage, DesiredValues, ReportMessage, TelemetryMessage, WelcomeMessage } from '../../../contract/wire/messages.ts';
import type { Store } from '../../store/open-store.ts';
import type { FleetRegistry } from '../registry/registry.ts';
import { desiredValues } from '../../../contract/wire/messages.ts';

/** What rollouts want to know of devices. */
export interface RolloutEars {
  /** Called in a transaction: what it stores is stored with the acknowledgement, or neither is. @returns what to do once that is done */
  report(deviceId: string, message: ReportMessage): () => void;
  /** It is there, and this is what it runs. */
  born(deviceId: string): void;
  presence(deviceId: string, online: boolean): void;
}

/** The way down; what cannot be sent is not kept: the next birth asks for it. */
export interface Mouth {
  welcome(deviceId: string, message: WelcomeMessage): void;
  command(deviceId: string, message: CommandMessage): void;
  ack(deviceId: string, message: AckMessage): void;
}

export interface ConversationOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly rollouts: RolloutEars;
  readonly mouth: Mouth;
  readonly artifactsUrl: () => string;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

export interface Conversation {
  birth(deviceId: string, message: BirthMessage): void;
  death(deviceId: string, message: DeathMessage): void;
  report(deviceId: string, message: ReportMessage): void;
  telemetry(deviceId: string, message: TelemetryMessage): void;
  /** Time goes on: silent devices are stale, then offline. */
  tick(): void;
  /** The console has no connection: nobody is known to be there. */
  blind(): void;
  /** There is one again: who is there? */
  ask(deviceIds: readonly string[]): void;
  configure(deviceId: string, values: DesiredValues): void;
}

/** Between two requests to the same device to say who it is. */
const ASK_AGAIN_MS = 10_000;

export function createConversation(options: ConversationOptions): Conversation {
  const { store, registry, rollouts, mouth, now } = options;
  const asked = new Map<string, number>();

  const ask = (deviceId: string): void => {
    if (now() - (asked.get(deviceId) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) return;
    asked.set(deviceId, now());
    mouth.command(deviceId, { format: 1, kind: 'rebirth' });
  };

  /** @returns false for one that the registry does not know, or that has to be born first */
  const heard = (deviceId: string): boolean => {
    const row = registry.presence(deviceId, { type: 'heard', atMs: now() });
    if (row === undefined) return false;
    // It speaks, and its birth was missed: what it says counts, and it is asked who it is.
    if (row.presence !== 'online') ask(deviceId);
    return true;
  };

  return {
    birth(deviceId, message) {
      const before = registry.row(deviceId);
      const row = registry.born(deviceId, message, now());
      if (row === undefined) return options.log(before === undefined ? `${deviceId} speaks, and is not registered.` : `${deviceId} said of an old session (${message.birth}) that it was born; it is left aside.`);
      asked.delete(deviceId);
      if (before?.presence !== 'online') {
        const runs = message.running === null ? 'runs nothing' : `runs ${message.running.artifact} ${message.running.version}`;
        registry.addEvent(deviceId, { atMs: now(), kind: 'birth', text: `online, session ${message.birth}, ${runs}`, rolloutId: null });
      }
      const { reports, batches } = registry.acked(deviceId);
      const desired = registry.twin(deviceId)?.desired ?? { version: 0, values: {} };
      mouth.welcome(deviceId, {
        format: 1, birth: message.birth, nowMs: now(), artifactsUrl: options.artifactsUrl(),
        // A device that was set up anew counts from the beginning again.
        ack: { reports: Math.min(reports, message.reports), batches: Math.min(batches, message.batches) },
        desired: { version: desired.version, values: desiredValues.catch({}).parse(desired.values) },
      });
      if (message.reports < reports || message.batches < batches) {
        registry.setAcked(deviceId, { reports: Math.min(reports, message.reports), batches: Math.min(batches, message.batches) });
        const device = registry.number(deviceId);
        if (device !== undefined) store.telemetry.countFrom(device, message.batches);
      }
      rollouts.born(deviceId);
    },
    death(deviceId, message) {
      const before = registry.row(deviceId)?.presence;
      const row = registry.presence(deviceId, { type: 'death', birth: message.birth, atMs: now() });
      if (row === undefined || row.presence === before) return;
      registry.addEvent(deviceId, { atMs: now(), kind: 'death', text: `offline, session ${message.birth}`, rolloutId: null });
      rollouts.presence(deviceId, false);
    },
    report(deviceId, message) {
      if (!heard(deviceId)) return;
      const { reports } = registry.acked(deviceId);
      if (message.sequence > reports) {
        const then = store.transaction(() => {
          const done = rollouts.report(deviceId, message);
          registry.setAcked(deviceId, { reports: message.sequence });
          return done;
        });
        if (message.report.kind !== 'downloading' && message.report.kind !== 'measured') {
          const detail = 'code' in message.report ? ` ${message.report.code}` : '';
          registry.addEvent(deviceId, { atMs: now(), kind: 'report', text: `${message.report.kind}${detail}`, rolloutId: message.rolloutId });
        }
        then();
      }
      mouth.ack(deviceId, { format: 1, reports: Math.max(reports, message.sequence), nowMs: now() });
    },
    telemetry(deviceId, message) {
      if (!heard(deviceId) || message.rows.length === 0) return;
      const device = registry.number(deviceId);
      if (device === undefined) return;
      const { batches } = registry.acked(deviceId);
      const newest = Math.max(batches, message.batch);
      store.transaction(() => {
        store.telemetry.add(device, registry.store(registry.row(deviceId)?.storeId ?? '')?.timeZone ?? 'UTC', { batch: message.batch, sentAtMs: message.sentAtMs, arrivedAtMs: now(), simulated: message.simulated, rows: message.rows });
        if (newest > batches) registry.setAcked(deviceId, { batches: newest });
      });
      const last = message.rows.at(-1);
      if (last && message.batch >= batches) registry.figures(deviceId, { latencyP95Ms: last.latencyP95Ms, throughputPerS: last.throughputPerS, temperatureC: last.temperatureC });
      mouth.ack(deviceId, { format: 1, batches: newest, nowMs: now() });
    },
    tick() {
      for (const row of registry.presenceOfAll({ type: 'time', atMs: now() })) if (row.presence === 'offline') rollouts.presence(row.id, false);
    },
    blind() {
      for (const row of registry.presenceOfAll({ type: 'blind' })) rollouts.presence(row.id, false);
    },
    ask(deviceIds) {
      for (const deviceId of deviceIds) ask(deviceId);
    },
    configure(deviceId, values) {
      const { desired } = registry.desire(deviceId, values, now());
      mouth.command(deviceId, { format: 1, kind: 'configure', version: desired.version, values: desiredValues.parse(desired.values) });
    },
  };
}
