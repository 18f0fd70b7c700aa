/**
 * The states of one device in a rollout. What a device says has been sorted before it comes here: `runs_target` means that the new slot itself
 * told the digest, `back_on_previous` that a device which had been told to swap runs what it ran before, `fault_retry` that retries are left.
 * Progress may skip states, since reports get lost; it never goes back.
 */
import { deviceRolloutState, type DeviceStateName } from '../../contract/records/rollout.ts';
import { go, ignore, refuse, type Table } from './table.ts';

export const DEVICE_EVENTS = [
  // the engine
  'prepare', 'hold', 'activate', 'deadline_retry', 'deadline_final', 'deadline_offline', 'cancel', 'roll_back', 'remove',
  // the benchmark's figures, judged
  'benchmark_met', 'benchmark_held', 'benchmark_missed',
  // the device
  'downloading', 'shed', 'verifying', 'staged', 'confirming', 'runs_target', 'runs_previous', 'back_on_previous', 'runs_other', 'measured',
  'fault_retry', 'fault_final', 'fault_after_swap', 'refused', 'self_rolled_back',
] as const;

export type DeviceEventName = (typeof DEVICE_EVENTS)[number];

const further = ignore('it is further on');
const notAsked = ignore('it was not asked for that');
const notSwapped = ignore('it has not been told to swap');
const settled = ignore('its part in the rollout is over');
const late = ignore('too late to matter');
const notQueued = refuse('NOT_QUEUED');
const notStaged = refuse('NOT_STAGED');
const noDeadline = refuse('NO_DEADLINE');
const nothingToUndo = refuse('NOTHING_TO_UNDO');

const NO_DEADLINE = { deadline_retry: noDeadline, deadline_final: noDeadline, deadline_offline: noDeadline } as const;
const NO_BENCHMARK = { benchmark_met: notAsked, benchmark_held: notAsked, benchmark_missed: notAsked } as const;
const NO_PROGRESS = { downloading: further, verifying: further, staged: further, confirming: notAsked, shed: late, measured: late } as const;

/** Before the command to swap: the old slot runs, whatever happens. */
const UNTOUCHED = {
  prepare: notQueued, hold: notStaged, activate: notStaged,
  cancel: go('cancelled'), roll_back: nothingToUndo, remove: go('removed'),
  runs_target: go('already_installed'), runs_previous: ignore('it runs what it ran'), back_on_previous: ignore('it runs what it ran'),
  runs_other: ignore('it runs something else; the target is still to come'),
  fault_after_swap: notSwapped, refused: go('rejected'), self_rolled_back: notSwapped,
} as const;

/** After it: only the device's own word says which slot runs. */
const SWAPPED = {
  ...NO_BENCHMARK, ...NO_PROGRESS,
  prepare: notQueued, hold: notStaged, activate: notStaged,
  cancel: ignore('it cannot stop halfway; it ends by itself'), roll_back: go('rolling_back'), remove: go('removed'),
  runs_previous: notSwapped, fault_retry: notAsked, fault_final: notAsked, refused: late, self_rolled_back: go('rolled_back'),
} as const;

const SETTLED = {
  ...NO_DEADLINE, ...NO_BENCHMARK, ...NO_PROGRESS,
  prepare: notQueued, hold: notStaged, activate: notStaged, cancel: settled, remove: go('removed'),
  runs_previous: settled, fault_retry: settled, fault_final: settled, fault_after_swap: settled, refused: settled,
} as const;

const FINAL = {
  ...NO_DEADLINE, ...NO_BENCHMARK, ...NO_PROGRESS,
  prepare: notQueued, hold: notStaged, activate: notStaged, cancel: settled, roll_back: settled, remove: settled,
  runs_target: settled, runs_previous: settled, back_on_previous: settled, runs_other: settled,
  fault_retry: settled, fault_final: settled, fault_after_swap: settled, refused: settled, self_rolled_back: settled,
} as const;

export const DEVICE_TABLE: Table<DeviceStateName, DeviceEventName> = {
  queued: {
    ...UNTOUCHED, ...NO_DEADLINE, ...NO_BENCHMARK, ...NO_PROGRESS,
    prepare: go('downloading'), downloading: notAsked, verifying: notAsked, staged: notAsked, fault_retry: notAsked, fault_final: notAsked,
  },
  downloading: {
    ...UNTOUCHED, ...NO_BENCHMARK,
    downloading: go('downloading'), shed: go('queued'), verifying: go('verifying'), staged: go('staged'), confirming: notAsked, measured: late,
    deadline_retry: go('queued'), deadline_final: go('timed_out'), deadline_offline: go('queued'), fault_retry: go('queued'), fault_final: go('failed'),
  },
  verifying: {
    ...UNTOUCHED, ...NO_BENCHMARK,
    // It found a piece missing and fetches it again.
    downloading: go('downloading'), shed: go('queued'), verifying: go('verifying'), staged: go('staged'), confirming: notAsked, measured: late,
    deadline_retry: go('queued'), deadline_final: go('timed_out'), deadline_offline: go('queued'), fault_retry: go('queued'), fault_final: go('failed'),
  },
  staged: {
    ...UNTOUCHED, ...NO_DEADLINE, ...NO_BENCHMARK, ...NO_PROGRESS,
    hold: go('waiting_window'), activate: go('benchmarking'), fault_retry: go('queued'), fault_final: go('failed'),
  },
  waiting_window: {
    ...UNTOUCHED, ...NO_DEADLINE, ...NO_BENCHMARK, ...NO_PROGRESS,
    hold: go('waiting_window'), activate: go('benchmarking'), fault_retry: go('queued'), fault_final: go('failed'),
  },
  benchmarking: {
    ...UNTOUCHED, ...NO_PROGRESS,
    benchmark_met: go('swapping'), benchmark_held: go('waiting_window'), benchmark_missed: go('rejected'),
    // What it has downloaded is still there.
    deadline_retry: go('staged'), deadline_final: go('timed_out'), deadline_offline: go('staged'), fault_retry: go('staged'), fault_final: go('failed'),
  },
  swapping: {
    ...SWAPPED,
    confirming: go('confirming'), runs_target: go('succeeded'), back_on_previous: ignore('it has not swapped yet'), runs_other: go('failed'),
    deadline_retry: noDeadline, deadline_final: go('timed_out'), deadline_offline: go('timed_out'), fault_after_swap: go('failed'),
  },
  confirming: {
    ...SWAPPED,
    confirming: go('confirming'), runs_target: go('succeeded'), back_on_previous: go('rolled_back'), runs_other: go('failed'),
    deadline_retry: noDeadline, deadline_final: go('timed_out'), deadline_offline: go('timed_out'), fault_after_swap: go('failed'),
  },
  rolling_back: {
    ...SWAPPED,
    roll_back: ignore('it is rolling back'), runs_target: ignore('it is not back yet'), back_on_previous: go('rolled_back'), runs_other: go('failed'), refused: go('failed'),
    deadline_retry: go('rolling_back'), deadline_final: go('timed_out'), deadline_offline: go('rolling_back'),
    fault_retry: go('rolling_back'), fault_final: go('failed'), fault_after_swap: go('rolling_back'),
  },
  succeeded: {
    ...SETTLED,
    roll_back: go('rolling_back'), runs_target: ignore('it is known'), back_on_previous: go('rolled_back'), runs_other: go('failed'), measured: go('succeeded'), self_rolled_back: go('rolled_back'),
  },
  failed: {
    ...SETTLED,
    roll_back: go('rolling_back'), runs_target: settled, back_on_previous: go('rolled_back'), runs_other: settled, self_rolled_back: go('rolled_back'),
  },
  // It may only have been slow to tell. Its word that the new slot runs counts, however late.
  timed_out: {
    ...SETTLED,
    roll_back: go('rolling_back'), runs_target: go('succeeded'), back_on_previous: go('rolled_back'), runs_other: settled, self_rolled_back: go('rolled_back'),
  },
  rejected: { ...SETTLED, roll_back: nothingToUndo, runs_target: settled, back_on_previous: settled, runs_other: settled, self_rolled_back: notSwapped },
  // It has gone back, and says all the same that it runs the new version: nobody vouches for that. It is told to go back again.
  rolled_back: { ...FINAL, roll_back: ignore('it has gone back'), remove: go('removed'), runs_target: go('failed') },
  cancelled: FINAL,
  removed: FINAL,
  already_installed: FINAL,
};

/**
 * `waiting`: for a turn, a window, a connection; without a time limit. `working`: with one. `settled`: its outcome counts, and only a rollback, a
 * removal or the device's own word changes it. `final`: never left. `disrupts`: it does not serve meanwhile.
 */
export interface DeviceStateTraits {
  readonly phase: 'waiting' | 'working' | 'settled' | 'final';
  readonly disrupts: boolean;
}

const waiting = { phase: 'waiting', disrupts: false } as const;
const working = { phase: 'working', disrupts: false } as const;
const disrupting = { phase: 'working', disrupts: true } as const;
const ended = { phase: 'settled', disrupts: false } as const;
const final = { phase: 'final', disrupts: false } as const;

export const DEVICE_TRAITS: Readonly<Record<DeviceStateName, DeviceStateTraits>> = {
  queued: waiting, downloading: working, verifying: working, staged: waiting, waiting_window: waiting,
  benchmarking: disrupting, swapping: disrupting, confirming: disrupting, rolling_back: disrupting,
  succeeded: ended, failed: ended, timed_out: ended, rejected: ended,
  rolled_back: ended,
  cancelled: final, removed: final, already_installed: final,
};

export const FINAL_DEVICE_STATES = deviceRolloutState.options.filter((state) => DEVICE_TRAITS[state].phase === 'final');
