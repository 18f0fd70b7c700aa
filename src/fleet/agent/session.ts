/**
 * The conversation with the console: a birth at each connection, nothing else before its welcome, which also tells what time it is; then everything that
 * waits, in order, and again after each welcome, until the console says that it has stored it.
 */
import type { AckMessage, BirthMessage, CommandMessage, WelcomeMessage } from '../../contract/wire/messages.ts';
import type { AgentClock, AgentLink, AgentLinkHandlers, AgentTimers } from './ports.ts';
import { renumbered, withoutAcknowledged } from './state/outbox.ts';
import type { Spool } from './state/spool.ts';
import type { StateStore } from './state/state-store.ts';

export interface SessionPorts {
  readonly connect: (handlers: AgentLinkHandlers) => AgentLink;
  readonly clock: AgentClock;
  readonly timers: AgentTimers;
  readonly store: StateStore;
  readonly spool: Spool;
  readonly simulated: boolean;
  /** All of a birth but its numbers. */
  readonly birth: () => Omit<BirthMessage, 'format' | 'birth' | 'atMs' | 'reports' | 'batches'>;
  readonly onWelcome: (message: WelcomeMessage) => void;
  readonly onCommand: (message: CommandMessage) => void;
  readonly log: (line: string) => void;
}

export interface Session {
  /** Starts to connect, once the disk has taken the numbers of the births to come. */
  open(): void;
  /** The console's clock, milliseconds since 1970; null before the first welcome. */
  consoleNow(): number | null;
  welcomed(): boolean;
  /** Sends what is new. */
  flush(): void;
  /** Says again who this is. */
  announce(): void;
  close(): Promise<void>;
}

/** Births are written down ahead: a device that restarts or reconnects a lot does not write at each of them. */
const BIRTHS_AHEAD = 100;
const RETRY_MS = 5000;
/** What was not acknowledged for so long is sent again. */
const RESEND_MS = 60_000;
/** After so long without a word it says that it is there: the console takes a silent device for gone after 90 s. */
const ALIVE_MS = 30_000;
/** Batches on their way at a time. */
const WINDOW = 20;
/** Commands that come before the welcome wait for it. */
const MAX_HELD = 100;

export function createSession(ports: SessionPorts): Session {
  const { clock, timers, store, spool } = ports;
  let link: AgentLink | null = null;
  let closed = false;
  let births = store.current().counters.births;
  let announcing = false;
  let greeted = false;
  let offset: { readonly consoleMs: number; readonly elapsedMs: number } | null = null;
  let held: CommandMessage[] = [];
  /** Reports below it were there when this process started, and may have been sent. */
  let unsent = store.current().counters.reports + 1;
  let sentReports = 0;
  let sentBatches = 0;
  let takenBatches = 0;
  /** The number before the first that was sent: numbers need not begin at 1. */
  let beforeSent = 0;
  let sending: Promise<void> = Promise.resolve();
  let timerOff = (): void => {};
  let aliveOff = (): void => {};
  let saidAtMs = 0;

  const consoleNow = (): number | null => (offset === null ? null : offset.consoleMs + clock.elapsed() - offset.elapsedMs);

  function reserveBirths(): Promise<void> {
    return store.update((state) => ({ ...state, counters: { ...state.counters, births: Math.max(state.counters.births, births + BIRTHS_AHEAD) } }));
  }

  function birth(): BirthMessage {
    if (!announcing) {
      births++;
      greeted = false;
      if (births > store.current().counters.births - BIRTHS_AHEAD / 2) reserveBirths().catch(() => {});
    }
    return { format: 1, birth: births, atMs: clock.now(), ...ports.birth(), reports: store.current().counters.reports, batches: spool.last() };
  }

  function onWelcome(message: WelcomeMessage): void {
    if (message.birth !== births || closed) return ports.log(`a welcome of another session (${message.birth}) is left aside`);
    offset = { consoleMs: message.nowMs, elapsedMs: clock.elapsed() };
    greeted = true;
    sentReports = 0;
    sentBatches = 0;
    if (message.ack.reports >= unsent) store.update((state) => renumbered(state, message.ack.reports, unsent)).catch(() => {});
    unsent = Number.MAX_SAFE_INTEGER;
    spool.raise(message.ack.batches);
    acknowledge(message.ack);
    ports.onWelcome(message);
    const commands = held;
    held = [];
    for (const command of commands) ports.onCommand(command);
    flush();
    again();
  }

  function acknowledge({ reports, batches }: { readonly reports?: number | undefined; readonly batches?: number | undefined }): void {
    if (reports !== undefined && store.current().outbox.some((message) => message.sequence <= reports)) store.update((state) => withoutAcknowledged(state, reports)).catch(() => {});
    if (batches === undefined || batches <= takenBatches) return;
    takenBatches = batches;
    serially(async () => {
      // The numbers of what goes away must be on the disk elsewhere, or they would come again.
      await store.update((state) => ({ ...state, counters: { ...state.counters, batches: Math.max(state.counters.batches, spool.last()) } }));
      await spool.forget(batches);
    });
  }

  function onAck(message: AckMessage): void {
    if (!greeted) return;
    offset = { consoleMs: message.nowMs, elapsedMs: clock.elapsed() };
    acknowledge(message);
    flush();
  }

  function serially(work: () => Promise<void>): void {
    sending = sending.then(work).catch((error: unknown) => ports.log(`telemetry could not be kept: ${String(error)}`));
  }

  function flush(): void {
    if (!greeted || link === null) return;
    for (const message of store.current().outbox) {
      if (message.sequence <= sentReports) continue;
      link.report(message);
      said();
      sentReports = message.sequence;
    }
    serially(async () => {
      if (!greeted || closed) return;
      const room = WINDOW - Math.max(0, sentBatches - Math.max(takenBatches, beforeSent));
      const after = Math.max(sentBatches, takenBatches);
      for (const { batch, rows } of await spool.take(after, sentBatches === 0 ? WINDOW : Math.max(0, room))) {
        if (!greeted) return;
        link?.telemetry({ format: 1, batch, sentAtMs: clock.now(), simulated: ports.simulated, rows: [...rows] });
        said();
        if (sentBatches === 0) beforeSent = batch - 1;
        sentBatches = batch;
      }
    });
  }

  /** Now and then: what was lost on the way goes once more, and a console that never answered a birth hears it again. */
  function again(): void {
    timerOff();
    timerOff = timers.after(RESEND_MS, () => {
      if (greeted) {
        sentReports = 0;
        sentBatches = 0;
        flush();
      } else announce();
      again();
    });
  }

  function said(): void {
    saidAtMs = clock.elapsed();
  }

  /** A device without a model, or one that measures every few minutes, has nothing else to say. */
  function alive(): void {
    aliveOff = timers.after(ALIVE_MS, () => {
      if (greeted && clock.elapsed() - saidAtMs >= ALIVE_MS) {
        link?.telemetry({ format: 1, batch: spool.last(), sentAtMs: clock.now(), simulated: ports.simulated, rows: [] });
        said();
      }
      alive();
    });
  }

  function announce(): void {
    if (link === null) return;
    announcing = true;
    try {
      link.announce();
    } finally {
      announcing = false;
    }
  }

  return {
    open() {
      const attempt = (): void => {
        if (closed) return;
        reserveBirths().then(
          () => {
            if (closed) return;
            link = ports.connect({
              birth,
              onWelcome,
              onAck,
              onCommand(message) {
                if (message.kind === 'rebirth') announce();
                else if (greeted) ports.onCommand(message);
                else held = [...held, message].slice(-MAX_HELD);
              },
              onState(state) {
                if (state === 'disconnected') greeted = false;
                ports.log(state);
              },
            });
            flush();
            again();
            alive();
          },
          // The model runs meanwhile; a birth whose number may come again would be worse than none.
          () => {
            timerOff = timers.after(RETRY_MS, attempt);
          },
        );
      };
      attempt();
    },
    consoleNow,
    welcomed: () => greeted,
    flush,
    announce,
    async close() {
      closed = true;
      greeted = false;
      timerOff();
      aliveOff();
      await sending;
      await link?.close();
    },
  };
}
