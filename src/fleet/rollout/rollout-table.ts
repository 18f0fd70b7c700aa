/** The states of a rollout and what each event does there. */
import type { RolloutStateName } from '../../contract/records/rollout.ts';
import { go, ignore, refuse, type Table } from './table.ts';

export const ROLLOUT_EVENTS = [
  // persons; the engine has already looked at who it is and whether the policy wants an approval
  'edit', 'submit_for_approval', 'submit', 'withdraw', 'approve_by_other', 'approve_by_author', 'send_back', 'pause', 'resume', 'stop', 'roll_back',
  // the engine
  'start_due', 'guard_pause', 'guard_stop', 'guard_roll_back', 'all_done', 'drained',
] as const;

export type RolloutEventName = (typeof ROLLOUT_EVENTS)[number];

const ended = refuse('ALREADY_ENDED');
const over = ignore('the rollout has ended');
const underWay = refuse('ALREADY_SUBMITTED');
const notStarted = refuse('NOT_STARTED');
const noGuard = ignore('guards watch a running rollout only');

/** What persons may not ask of a rollout that is past its preparation, and what is no news there. */
const PREPARED = { edit: underWay, submit_for_approval: underWay, submit: underWay, withdraw: underWay, approve_by_other: underWay, approve_by_author: underWay, send_back: underWay, start_due: ignore('it has started') } as const;
const IDLE = { guard_pause: noGuard, guard_stop: noGuard, guard_roll_back: noGuard, all_done: ignore('it has not started'), drained: ignore('nothing is being drained') } as const;
const ENDED = {
  edit: ended, submit_for_approval: ended, submit: ended, withdraw: ended, approve_by_other: ended, approve_by_author: ended, send_back: ended, pause: ended, resume: ended, stop: ended, roll_back: ended,
  start_due: over, guard_pause: over, guard_stop: over, guard_roll_back: over, all_done: over, drained: over,
} as const;

export const ROLLOUT_TABLE: Table<RolloutStateName, RolloutEventName> = {
  draft: {
    ...IDLE,
    edit: go('draft'), submit_for_approval: go('awaiting_approval'), submit: go('scheduled'),
    withdraw: ignore('it is a draft'), approve_by_other: refuse('NOT_SUBMITTED'), approve_by_author: refuse('NOT_SUBMITTED'), send_back: refuse('NOT_SUBMITTED'),
    pause: notStarted, resume: notStarted, stop: go('stopped'), roll_back: notStarted, start_due: ignore('nobody has submitted it'),
  },
  awaiting_approval: {
    ...IDLE,
    edit: underWay, submit_for_approval: ignore('it has been submitted'), submit: refuse('NEEDS_APPROVAL'), withdraw: go('draft'),
    approve_by_other: go('scheduled'), approve_by_author: refuse('SAME_PERSON'), send_back: go('draft'),
    pause: notStarted, resume: notStarted, stop: go('stopped'), roll_back: notStarted, start_due: ignore('nobody has approved it'),
  },
  scheduled: {
    ...IDLE,
    edit: underWay, submit_for_approval: ignore('it has been approved'), submit: ignore('it has been submitted'), withdraw: go('draft'),
    approve_by_other: ignore('it has been approved'), approve_by_author: refuse('SAME_PERSON'), send_back: go('draft'),
    pause: notStarted, resume: notStarted, stop: go('stopped'), roll_back: notStarted, start_due: go('running'),
  },
  running: {
    ...PREPARED,
    pause: go('paused'), resume: ignore('it is running'), stop: go('stopping'), roll_back: go('rolling_back'),
    guard_pause: go('paused'), guard_stop: go('stopping'), guard_roll_back: go('rolling_back'), all_done: go('finished'), drained: ignore('nothing is being drained'),
  },
  paused: {
    ...PREPARED,
    pause: ignore('it is paused'), resume: go('running'), stop: go('stopping'), roll_back: go('rolling_back'),
    guard_pause: ignore('it is paused'), guard_stop: noGuard, guard_roll_back: noGuard, all_done: ignore('it is paused'), drained: ignore('nothing is being drained'),
  },
  stopping: {
    ...PREPARED,
    pause: refuse('STOPPING'), resume: refuse('STOPPING'), stop: ignore('it is stopping'), roll_back: go('rolling_back'),
    guard_pause: noGuard, guard_stop: noGuard, guard_roll_back: noGuard, all_done: ignore('it is stopping'), drained: go('stopped'),
  },
  rolling_back: {
    ...PREPARED,
    pause: refuse('ROLLING_BACK'), resume: refuse('ROLLING_BACK'), stop: refuse('ROLLING_BACK'), roll_back: ignore('it is rolling back'),
    guard_pause: noGuard, guard_stop: noGuard, guard_roll_back: noGuard, all_done: ignore('it is rolling back'), drained: go('rolled_back'),
  },
  // A model that turns out to be bad a week later is taken back by the rollout that brought it.
  finished: { ...ENDED, roll_back: go('rolling_back') },
  stopped: { ...ENDED, roll_back: go('rolling_back') },
  rolled_back: ENDED,
};

/** Devices may be told to begin something new. */
export function startsDevices(state: RolloutStateName): boolean {
  return state === 'running';
}

/** The rollout takes note of what devices say and acts on it. */
export function isLive(state: RolloutStateName): boolean {
  return state === 'running' || state === 'paused' || state === 'stopping' || state === 'rolling_back';
}
