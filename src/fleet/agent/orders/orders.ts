/**
 * Carries out what the console orders, with the installer's hands. An order is on the disk before it is acted upon, is done once, and never after an
 * order of the same rollout with a higher number. What comes of it is told from the installer's states, so that after any restart the next report
 * follows from what is, not from what was about to be said.
 */
import { EdgewiseError, toEdgewiseError } from '../../../base/errors.ts';
import type { DeviceReport } from '../../../contract/records/rollout.ts';
import type { CommandMessage } from '../../../contract/wire/messages.ts';
import type { InstallRecord } from '../install/install-record.ts';
import type { Installer } from '../install/installer.ts';
import type { AgentTimers } from '../ports.ts';
import { MAX_ROLLOUTS, MAX_TAKEN, type AgentState, type AgentTask } from '../state/agent-state.ts';
import type { StateStore } from '../state/state-store.ts';
import { answerToRefusal, answerToState } from './answers.ts';
import { fetchUpdate, type FetchUpdatePorts } from './fetch-update.ts';

export type RolloutCommand = Extract<CommandMessage, { kind: 'rollout' }>;
type About = Pick<AgentTask, 'rolloutId' | 'attempt'>;

export interface OrdersPorts {
  readonly store: StateStore;
  readonly installer: Installer;
  readonly update: () => FetchUpdatePorts;
  readonly timers: AgentTimers;
  /** The console's clock; null: not known yet. */
  readonly consoleNow: () => number | null;
  /** Digest that the program which runs the model told; null: none runs. */
  readonly running: () => string | null;
  /** Keeps a report together with another change, and sends it. Never throws. */
  readonly report: (about: About, report: DeviceReport, change?: (state: AgentState) => AgentState) => Promise<void>;
  /** What was measured is good enough: the benchmark may end. */
  readonly letSwap: () => void;
  /** An order could not be kept or begun: the console is to say it once more, in a while. */
  readonly askAgain: () => void;
  readonly log: (line: string) => void;
}

export interface Orders {
  /** Only after a welcome. */
  take(command: RolloutCommand): void;
  /** Told by the installer after each state is on the disk. */
  onInstall(record: InstallRecord): void;
  /** The console's clock is known (again): what was taken and not begun is begun, what has run out is left. */
  onWelcome(): void;
  /** Waits until everything that was taken so far has been begun and told. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const PREPARING: ReadonlySet<InstallRecord['state']> = new Set(['downloading', 'verifying', 'staged', 'benchmarking']);
const SWAPPING: ReadonlySet<InstallRecord['state']> = new Set(['swapping', 'confirming', 'rolling_back']);

export function createOrders(ports: OrdersPorts): Orders {
  const { store, installer, timers } = ports;
  let queue: Promise<void> = Promise.resolve();
  let preparing: AbortController | null = null;
  let deadlineOff = (): void => {};
  let stopped = false;
  const waiting = new Set<() => void>();

  function enqueue(work: () => Promise<void>): void {
    queue = queue.then(async () => {
      if (stopped) return;
      try {
        await work();
      } catch (error) {
        ports.log(`an order was not carried out: ${toEdgewiseError(error).message}`);
        ports.askAgain();
      }
    });
  }

  const task = (): AgentTask | null => store.current().task;

  const setTask = (change: Partial<AgentTask>): Promise<void> => store.update((state) => (state.task === null ? state : { ...state, task: { ...state.task, ...change } }));

  async function receive(command: RolloutCommand): Promise<void> {
    const state = store.current();
    const known = state.rollouts.find(({ id }) => id === command.rolloutId)?.sequence ?? -1;
    if (state.taken.includes(command.id) || command.sequence <= known) return ports.log(`command ${command.id} came again or out of order`);
    const now = ports.consoleNow();
    if (now === null || now > command.validUntilMs) return ports.log(`command ${command.id} has run out`);
    const before = state.task;
    const next = taskOf(command, before, now);
    const becomes = takesOver(command);
    try {
      await store.update((current) => ({ ...withTaken(current, command), task: becomes ? next : current.task }));
    } catch (error) {
      // Not on the disk: not taken. The console says it again at the next birth, which is asked for.
      await store.update((current) => ({ ...withoutTaken(current, command, known), task: before })).catch(() => {});
      throw error;
    }
    if (!becomes) return decline(command);
    if (before !== null && before.rolloutId !== next.rolloutId) await leave(before);
    await act(next, false);
  }

  /** Orders about another artifact than the one at hand change nothing, but those that begin something. */
  function takesOver(command: RolloutCommand): boolean {
    const { candidate, state } = installer.record();
    if (command.command === 'prepare') return !SWAPPING.has(state) || candidate?.manifestSha256 === command.digest;
    if (command.command === 'roll_back') return runs(command.digest) || (candidate?.manifestSha256 === command.digest && (SWAPPING.has(state) || PREPARING.has(state)));
    if (candidate?.manifestSha256 === command.digest) return true;
    return command.command === 'discard' && preparing !== null && task()?.digest === command.digest;
  }

  function runs(digest: string): boolean {
    const { active, good, slots } = installer.record();
    return active !== null && active === good && slots[active]?.manifestSha256 === digest;
  }

  /** What the device does instead of an order that it cannot follow: it says how things are. */
  async function decline(command: RolloutCommand): Promise<void> {
    if (command.command === 'discard') return;
    if (command.command === 'roll_back') return tellRunning(command);
    if (runs(command.digest)) return tellRunning(command);
    await ports.report(command, { kind: 'fault', code: 'CONFLICT', retry: command.command === 'prepare' });
  }

  async function tellRunning(about: About): Promise<void> {
    const digest = ports.running();
    await ports.report(about, digest === null ? { kind: 'rolled_back', code: 'NO_GOOD_SLOT' } : { kind: 'running', digest });
  }

  /** Another rollout takes the device over: the one before is told, unless it has its answer already. */
  async function leave(before: AgentTask): Promise<void> {
    preparing?.abort();
    const { state, candidate } = installer.record();
    const open = !before.begun || (candidate?.manifestSha256 === before.digest && PREPARING.has(state));
    if (open && before.order !== 'discard' && before.order !== 'roll_back') await ports.report(before, { kind: 'fault', code: 'CONFLICT', retry: true });
  }

  /** @param again the order was taken before the last restart, or before the last connection: it may have been begun */
  async function act(order: AgentTask, again: boolean): Promise<void> {
    const record = installer.record();
    const mine = record.candidate?.manifestSha256 === order.digest;
    switch (order.order) {
      case 'prepare':
        if (runs(order.digest)) {
          await setTask({ begun: true });
          return tellRunning(order);
        }
        if (mine && record.state === 'benchmarking' && !again) await installer.postpone();
        if (mine && (PREPARING.has(installer.record().state) || SWAPPING.has(installer.record().state))) {
          await setTask({ begun: true, told: null });
          return tell(installer.record());
        }
        prepare(order);
        return;
      case 'benchmark':
        if (runs(order.digest)) return tellRunning(order);
        if (mine && record.state === 'benchmarking' && !again) await installer.postpone();
        if (mine && installer.record().state === 'staged') await installer.proceed();
        else if (!(mine && record.state === 'benchmarking')) await ports.report(order, { kind: 'fault', code: 'CONFLICT', retry: false });
        await setTask({ begun: true });
        watchDeadline();
        return;
      case 'swap':
        await swap(order, record, mine);
        await setTask({ begun: true });
        return;
      case 'discard':
        preparing?.abort();
        if (mine && PREPARING.has(record.state)) await installer.cancel();
        await setTask({ begun: true });
        return;
      case 'roll_back':
        await rollBack(order);
        await setTask({ begun: true });
    }
  }

  async function swap(order: AgentTask, record: InstallRecord, mine: boolean): Promise<void> {
    const measured = order.measuring.measured !== null;
    if (mine && record.state === 'benchmarking' && measured) ports.letSwap();
    // It was put off in the very moment in which it was decided.
    else if (mine && record.state === 'staged' && measured) await installer.proceed();
    else if (runs(order.digest)) await tellRunning(order);
    else if (!(mine && SWAPPING.has(record.state))) await ports.report(order, { kind: 'fault', code: 'CONFLICT', retry: false });
  }

  async function rollBack(order: AgentTask): Promise<void> {
    preparing?.abort();
    await untilSwapped();
    const { state, candidate } = installer.record();
    const mine = candidate?.manifestSha256 === order.digest;
    if (state === 'rolling_back') return;
    if (mine && state === 'confirming') {
      await installer.cancel();
      return;
    }
    if (PREPARING.has(state)) await installer.cancel();
    if (!runs(order.digest)) return tellRunning(order);
    try {
      await installer.rollBack();
    } catch (error) {
      const { code } = toEdgewiseError(error);
      await ports.report(order, code === 'NO_GOOD_SLOT' ? { kind: 'refused', code } : { kind: 'fault', code, retry: true });
    }
  }

  /** Halfway there is no way back: the swap ends first, by itself. */
  async function untilSwapped(): Promise<void> {
    if (installer.record().state !== 'swapping' || stopped) return;
    await new Promise<void>((resolve) => waiting.add(resolve));
    await untilSwapped();
  }

  function prepare(order: AgentTask): void {
    preparing?.abort();
    const own = new AbortController();
    preparing = own;
    const work = async (): Promise<void> => {
      await pause(Math.max(0, order.startAtMs - (ports.consoleNow() ?? order.startAtMs)), own.signal);
      const update = ports.update();
      const accepted = await fetchUpdate(update, order, own.signal);
      enqueue(async () => {
        if (own.signal.aborted) return;
        try {
          await installer.offer(accepted, update.artifacts.blobsUrl);
          await setTask({ begun: true });
        } catch (error) {
          await ports.report(order, { kind: 'fault', code: toEdgewiseError(error).code, retry: true }, (state) => begunIn(state));
        }
      });
    };
    work().catch((error: unknown) => {
      if (own.signal.aborted) return;
      const failure = toEdgewiseError(error);
      ports.log(`${order.artifact} version ${order.version} is not taken: ${failure.message}`);
      enqueue(() => ports.report(order, answerToRefusal(failure), begunIn));
    });
  }

  function begunIn(state: AgentState): AgentState {
    return state.task === null ? state : { ...state, task: { ...state.task, begun: true } };
  }

  function pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const off = timers.after(ms, resolve);
      signal.addEventListener('abort', () => {
        off();
        reject(new EdgewiseError('CANCELLED', 'Called off.'));
      });
    });
  }

  /** Nobody decides any more when the benchmark's time is over: what was staged waits for another word. */
  function watchDeadline(): void {
    deadlineOff();
    const order = task();
    const now = ports.consoleNow();
    if (order?.order !== 'benchmark' || now === null || installer.record().state !== 'benchmarking') return;
    deadlineOff = timers.after(Math.min(2 ** 31 - 1, Math.max(0, order.validUntilMs - now)), () =>
      enqueue(async () => {
        if (task() !== null && task()?.order === 'benchmark' && task()?.validUntilMs === order.validUntilMs && installer.record().state === 'benchmarking') await installer.postpone();
      }),
    );
  }

  async function tell(record: InstallRecord): Promise<void> {
    const order = task();
    if (order === null || order.told === record.state) return;
    const answer = answerToState(order, record, ports.running());
    if (answer !== null) await ports.report(order, answer, (state) => (state.task === null ? state : { ...state, task: { ...state.task, told: record.state } }));
  }

  return {
    take: (command) => enqueue(() => receive(command)),
    onInstall(record) {
      for (const resolve of waiting) resolve();
      waiting.clear();
      enqueue(() => tell(record));
    },
    onWelcome() {
      enqueue(async () => {
        watchDeadline();
        const order = task();
        const now = ports.consoleNow();
        if (order === null || order.begun || now === null || preparing?.signal.aborted === false) return;
        if (now > order.validUntilMs) {
          ports.log(`the order to ${order.order} has run out`);
          await setTask({ begun: true });
        } else await act(order, true);
      });
    },
    async settled() {
      await queue;
    },
    async stop() {
      stopped = true;
      preparing?.abort();
      deadlineOff();
      for (const resolve of waiting) resolve();
      await queue;
    },
  };
}

function taskOf(command: RolloutCommand, before: AgentTask | null, now: number): AgentTask {
  const same = before !== null && before.rolloutId === command.rolloutId && before.digest === command.digest;
  const fresh = { starts: 0, measured: null, swap: false };
  return {
    rolloutId: command.rolloutId,
    attempt: command.attempt,
    artifact: command.artifact,
    version: command.version,
    digest: command.digest,
    order: command.command,
    startAtMs: now + command.delayMs,
    validUntilMs: command.validUntilMs,
    begun: false,
    measuring: !same || command.command === 'benchmark' || command.command === 'prepare' ? fresh : { ...before.measuring, swap: command.command === 'swap' && before.measuring.measured !== null },
    told: same ? before.told : null,
  };
}

function withTaken(state: AgentState, command: RolloutCommand): AgentState {
  const others = state.rollouts.filter(({ id }) => id !== command.rolloutId);
  return {
    ...state,
    rollouts: [...others, { id: command.rolloutId, sequence: command.sequence }].slice(-MAX_ROLLOUTS),
    taken: [...state.taken, command.id].slice(-MAX_TAKEN),
  };
}

function withoutTaken(state: AgentState, command: RolloutCommand, known: number): AgentState {
  const others = state.rollouts.filter(({ id }) => id !== command.rolloutId);
  return { ...state, rollouts: known < 0 ? others : [...others, { id: command.rolloutId, sequence: known }], taken: state.taken.filter((id) => id !== command.id) };
}
