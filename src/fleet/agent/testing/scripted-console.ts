/** For tests: the console's end of the link, in memory. It stores reports as the real one does, by their numbers, and can be made to lose, repeat and reorder. */
import { birthMessage, commandMessage, reportMessage, telemetryMessage, welcomeMessage, type BirthMessage, type CommandMessage, type DesiredValues, type ReportMessage, type TelemetryMessage } from '../../../contract/wire/messages.ts';
import type { AgentLink, AgentLinkHandlers } from '../ports.ts';
import type { PublishedVersion } from './publisher-server.ts';

type RolloutCommand = Extract<CommandMessage, { kind: 'rollout' }>;

export class ScriptedConsole {
  readonly births: BirthMessage[] = [];
  /** As they are stored: each number once. */
  readonly reports: ReportMessage[] = [];
  readonly batches: TelemetryMessage[] = [];
  /** Everything that arrived, repetitions included. */
  arrived = 0;
  welcomes = true;
  acks = true;
  desired: { version: number; values: DesiredValues } = { version: 0, values: {} };
  onReport: (report: ReportMessage) => void = () => {};
  onBirth: (birth: BirthMessage) => void = () => {};
  readonly #now: () => number;
  readonly #artifactsUrl: string;
  #handlers: AgentLinkHandlers | null = null;
  #online = true;
  #sequence = 0;

  constructor(now: () => number, artifactsUrl: string) {
    this.#now = now;
    this.#artifactsUrl = artifactsUrl;
  }

  /** The device's port. */
  readonly connect = (handlers: AgentLinkHandlers): AgentLink => {
    let closed = false;
    this.#handlers = handlers;
    queueMicrotask(() => {
      if (this.#online && !closed) this.#connected(handlers);
    });
    return {
      report: (message) => {
        if (this.#online && !closed) this.#stored(message);
      },
      telemetry: (message) => {
        if (!this.#online || closed) return;
        // It only says that it is there.
        if (message.rows.length === 0) return;
        this.batches.push(telemetryMessage.parse(message));
        if (this.acks) this.ack({ batches: message.batch });
      },
      announce: () => {
        if (this.#online && !closed) this.born(handlers.birth());
      },
      close: async () => {
        closed = true;
        if (this.#handlers === handlers) this.#handlers = null;
      },
    };
  };

  #connected(handlers: AgentLinkHandlers): void {
    handlers.onState('connected');
    this.born(handlers.birth());
  }

  born(message: BirthMessage): void {
    this.births.push(birthMessage.parse(message));
    if (this.welcomes) this.welcome(message.birth);
    this.onBirth(message);
  }

  welcome(birth: number): void {
    const ack = { reports: this.reports.at(-1)?.sequence ?? 0, batches: Math.max(0, ...this.batches.map(({ batch }) => batch)) };
    this.#handlers?.onWelcome(welcomeMessage.parse({ format: 1, birth, nowMs: this.#now(), artifactsUrl: this.#artifactsUrl, ack, desired: this.desired }));
  }

  #stored(message: ReportMessage): void {
    this.arrived++;
    const parsed = reportMessage.parse(message);
    const known = this.reports.find(({ sequence }) => sequence === parsed.sequence);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(parsed)) throw new Error(`two reports have the number ${parsed.sequence}`);
    if (parsed.sequence > (this.reports.at(-1)?.sequence ?? 0)) {
      this.reports.push(parsed);
      this.onReport(parsed);
    }
    if (this.acks) this.ack({ reports: parsed.sequence });
  }

  ack(numbers: { reports?: number; batches?: number }): void {
    queueMicrotask(() => this.#handlers?.onAck({ format: 1, nowMs: this.#now(), ...numbers }));
  }

  set online(online: boolean) {
    if (online === this.#online) return;
    this.#online = online;
    const handlers = this.#handlers;
    if (handlers === null) return;
    if (online) this.#connected(handlers);
    else handlers.onState('disconnected');
  }

  /** Made but not sent. */
  order(command: RolloutCommand['command'], of: PublishedVersion, more: Partial<RolloutCommand> = {}): RolloutCommand {
    const sequence = ++this.#sequence;
    return {
      format: 1, kind: 'rollout', id: `r1/${sequence}`, rolloutId: 'r1', command, sequence, attempt: 0, delayMs: 0,
      validUntilMs: this.#now() + 60_000, artifact: of.artifact, version: of.version, digest: of.digest, ...more,
    };
  }

  send(command: CommandMessage): void {
    this.#handlers?.onCommand(commandMessage.parse(command));
  }

  kinds(): string[] {
    return this.reports.map(({ report }) => report.kind);
  }

  last(kind: ReportMessage['report']['kind']): ReportMessage['report'] | undefined {
    return this.reports.findLast(({ report }) => report.kind === kind)?.report;
  }
}
