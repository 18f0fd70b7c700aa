/** What each state means to the person who looks: its tone, and whether it waits for somebody. */
import type { DeviceStateName, RolloutStateName, WaveStateName } from '../../../../src/contract/records/rollout.ts';
import type { RolloutAction, RolloutSummary } from '../../../../src/contract/rpc/rollout-routes.ts';

export type Tone = 'quiet' | 'busy' | 'good' | 'warn' | 'bad';

export const ROLLOUT_TONES: Readonly<Record<RolloutStateName, Tone>> = {
  draft: 'quiet', awaiting_approval: 'warn', scheduled: 'busy', running: 'busy', paused: 'warn', finished: 'good', stopping: 'warn', stopped: 'quiet', rolling_back: 'bad', rolled_back: 'bad',
};

export const WAVE_TONES: Readonly<Record<WaveStateName, Tone>> = { pending: 'quiet', running: 'busy', soaking: 'busy', passed: 'good', failed: 'bad' };

export const DEVICE_TONES: Readonly<Record<DeviceStateName, Tone>> = {
  queued: 'quiet', downloading: 'busy', verifying: 'busy', staged: 'busy', waiting_window: 'quiet', benchmarking: 'busy', swapping: 'busy', confirming: 'busy', succeeded: 'good', already_installed: 'good',
  failed: 'bad', rejected: 'bad', timed_out: 'bad', rolling_back: 'warn', rolled_back: 'warn', cancelled: 'quiet', removed: 'quiet',
};

/** How devices are counted where there is room for few figures, in the order in which they are drawn. */
export const BUCKETS = ['done', 'working', 'waiting', 'back', 'trouble', 'out'] as const;
export type Bucket = (typeof BUCKETS)[number];

const BUCKET_OF: Readonly<Record<DeviceStateName, Bucket>> = {
  succeeded: 'done', already_installed: 'done',
  downloading: 'working', verifying: 'working', staged: 'working', benchmarking: 'working', swapping: 'working', confirming: 'working',
  queued: 'waiting', waiting_window: 'waiting',
  rolling_back: 'back', rolled_back: 'back',
  failed: 'trouble', rejected: 'trouble', timed_out: 'trouble',
  cancelled: 'out', removed: 'out',
};

type Counts = Partial<Readonly<Record<DeviceStateName, number>>>;

export function bucketsOf(states: Counts): Readonly<Record<Bucket, number>> {
  const counts: Record<Bucket, number> = { done: 0, working: 0, waiting: 0, back: 0, trouble: 0, out: 0 };
  for (const [state, count] of Object.entries(states)) counts[BUCKET_OF[state as DeviceStateName]] += count;
  return counts;
}

/** Devices that run the version. */
export function doneOf(states: Counts): number {
  return bucketsOf(states).done;
}

const LIVE: ReadonlySet<RolloutStateName> = new Set(['running', 'stopping', 'rolling_back']);
const ENDED: ReadonlySet<RolloutStateName> = new Set(['finished', 'stopped', 'rolled_back']);

export function isUnderWay(state: RolloutStateName): boolean {
  return LIVE.has(state);
}

export function hasEnded(state: RolloutStateName): boolean {
  return ENDED.has(state);
}

/** Nothing goes on before a person has decided. */
export function needsPerson({ state }: { readonly state: RolloutStateName }): boolean {
  return state === 'paused' || state === 'awaiting_approval';
}

/** What waits for somebody first, then what moves, then what is to come, then what is over; the newest first. */
export function byUrgency(a: RolloutSummary, b: RolloutSummary): number {
  return rank(a) - rank(b) || b.rollout.createdAtMs - a.rollout.createdAtMs;
}

function rank({ rollout: { state, pause } }: RolloutSummary): number {
  if (state === 'paused') return pause?.reason === 'person' ? 2 : 0;
  if (state === 'awaiting_approval') return 1;
  if (isUnderWay(state)) return 3;
  if (state === 'scheduled') return 4;
  return state === 'draft' ? 5 : 6;
}

/** These ask for the rollout's name. */
export const TYPED_ACTIONS: ReadonlySet<RolloutAction> = new Set(['stop', 'roll_back', 'accept_and_resume']);

/** What a person can do now; the first is the one that is asked for most. */
export function actionsOf({ rollout: { state, pause, startedAtMs } }: RolloutSummary): readonly RolloutAction[] {
  switch (state) {
    case 'draft':
      return ['submit', 'stop'];
    case 'awaiting_approval':
      return ['approve', 'send_back', 'withdraw', 'stop'];
    case 'scheduled':
      return ['withdraw', 'stop'];
    case 'running':
      return ['pause', 'stop', 'roll_back'];
    case 'paused':
      if (pause === null || pause.reason === 'person') return ['resume', 'stop', 'roll_back'];
      return pause.reason === 'sample_too_small' || pause.reason === 'gate_unproven' ? ['resume', 'accept_and_resume', 'stop', 'roll_back'] : ['roll_back', 'accept_and_resume', 'stop'];
    case 'stopping':
      return ['roll_back'];
    case 'finished':
    case 'stopped':
      return startedAtMs === null ? [] : ['roll_back'];
    case 'rolling_back':
    case 'rolled_back':
      return [];
  }
}
