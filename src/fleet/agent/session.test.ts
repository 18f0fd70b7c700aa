/** What a device says when nothing happens to it. */
import { expect, it } from 'vitest';
import type { ReportMessage, TelemetryMessage } from '../../contract/wire/messages.ts';
import type { AgentLinkHandlers } from './ports.ts';
import { createSession, type Session } from './session.ts';
import { memoryDisk } from './simulate/memory-disk.ts';
import { withReport } from './state/outbox.ts';
import { openSpool } from './state/spool.ts';
import { openState } from './state/state-store.ts';

/** Time that only moves when it is told to. */
function manualTime(): { readonly elapsed: () => number; readonly after: (ms: number, action: () => void) => () => void; pass(ms: number): Promise<void> } {
  let nowMs = 0;
  const waiting = new Set<{ readonly atMs: number; readonly action: () => void }>();
  return {
    elapsed: () => nowMs,
    after(ms, action) {
      const entry = { atMs: nowMs + ms, action };
      waiting.add(entry);
      return () => void waiting.delete(entry);
    },
    async pass(ms) {
      const end = nowMs + ms;
      for (;;) {
        const next = [...waiting].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs).at(0);
        if (next === undefined) break;
        waiting.delete(next);
        nowMs = next.atMs;
        next.action();
        await settle();
      }
      nowMs = end;
    },
  };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function setUp(): Promise<{ session: Session; time: ReturnType<typeof manualTime>; handlers: () => AgentLinkHandlers; telemetry: TelemetryMessage[]; reports: ReportMessage[]; report: () => Promise<void> }> {
  const time = manualTime();
  const disk = memoryDisk(2 ** 20);
  await disk.writeAtomically('agent.json', '{}');
  const store = await openState(disk, 1000);
  const spool = await openSpool(disk, 7, { maxBatches: 10, rowsPerBatch: 10 });
  const [telemetry, reports]: [TelemetryMessage[], ReportMessage[]] = [[], []];
  let handlers: AgentLinkHandlers | undefined;
  const session = createSession({
    connect(given) {
      handlers = given;
      return { report: (message) => void reports.push(message), telemetry: (message) => void telemetry.push(message), announce: () => void given.birth(), close: async () => {} };
    },
    clock: { now: () => 5000 + time.elapsed(), elapsed: time.elapsed },
    timers: { after: time.after },
    store, spool, simulated: false,
    birth: () => ({ class: 'edge-box', workload: 'customer-flow', simulated: false, running: null, install: 'idle', reported: { version: 0, values: {} }, inventory: { agentVersion: '1', hardware: 'linux-x64', cpu: 'x', cores: 1, memoryBytes: 1, freeDiskBytes: 1, os: 'x', accelerators: [], runtimes: [], energy: null } }),
    onWelcome: () => {}, onCommand: () => {}, log: () => {},
  });
  session.open();
  await settle();
  return {
    session, time, telemetry, reports,
    handlers: () => handlers ?? expect.unreachable('it did not connect'),
    report: () => store.update((state) => withReport(state, { rolloutId: 'r1', attempt: 0 }, { kind: 'verifying' }, 1)),
  };
}

function welcome(handlers: AgentLinkHandlers): void {
  const { birth } = handlers.birth();
  handlers.onWelcome({ format: 1, birth, nowMs: 9000, artifactsUrl: 'https://127.0.0.1:1', ack: { reports: 0, batches: 0 }, desired: { version: 0, values: {} } });
}

it('a device with nothing to tell says at least once a minute that it is there, and counts no batch for it', async () => {
  const { time, telemetry, handlers } = await setUp();
  welcome(handlers());
  const silences: number[] = [];
  let saidAtMs = time.elapsed();
  for (let step = 0; step < 600; step++) {
    const before = telemetry.length;
    await time.pass(1000);
    if (telemetry.length > before) {
      silences.push(time.elapsed() - saidAtMs);
      saidAtMs = time.elapsed();
    }
  }
  expect(Math.max(...silences)).toBeLessThanOrEqual(60_000);
  expect(silences.length).toBeGreaterThanOrEqual(10);
  expect(silences.length).toBeLessThanOrEqual(20);
  expect(telemetry.every(({ rows, batch }) => rows.length === 0 && batch === 7)).toBe(true);
});

it('one that talks anyway does not', async () => {
  const { time, telemetry, session, handlers, report, reports } = await setUp();
  welcome(handlers());
  for (let step = 0; step < 30; step++) {
    await report();
    session.flush();
    await time.pass(20_000);
  }
  expect(reports.length).toBeGreaterThanOrEqual(30);
  expect(telemetry).toEqual([]);
});

it('one that was not welcomed, or has ended, says nothing of the kind', async () => {
  const { time, telemetry, session, handlers } = await setUp();
  await time.pass(300_000);
  expect(telemetry).toEqual([]);
  welcome(handlers());
  await session.close();
  await time.pass(300_000);
  expect(telemetry).toEqual([]);
});
