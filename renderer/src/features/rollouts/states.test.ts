import { describe, expect, it } from 'vitest';
import { deviceRolloutState, pauseReason, rolloutState, type PauseReason, type RolloutStateName } from '../../../../src/contract/records/rollout.ts';
import type { RolloutAction, RolloutSummary } from '../../../../src/contract/rpc/rollout-routes.ts';
import { DEVICE_TRAITS } from '../../../../src/fleet/rollout/device-table.ts';
import { ROLLOUT_TABLE, type RolloutEventName } from '../../../../src/fleet/rollout/rollout-table.ts';
import { actionsOf, bucketsOf, byUrgency } from './states.ts';
import { tailReason } from './board/tail-reason.ts';

const summary = (state: RolloutStateName, reason: PauseReason | null = null, createdAtMs = 0, startedAtMs: number | null = 1): RolloutSummary =>
  ({ rollout: { state, pause: reason === null ? null : { reason, note: '' }, createdAtMs, startedAtMs } }) as RolloutSummary;
const EVENTS: Readonly<Record<RolloutAction, RolloutEventName>> = {
  submit: 'submit', withdraw: 'withdraw', approve: 'approve_by_other', send_back: 'send_back', pause: 'pause', resume: 'resume', accept_and_resume: 'resume', stop: 'stop', roll_back: 'roll_back',
};

describe('actions', () => {
  it('are offered only where the engine takes them', () => {
    for (const state of rolloutState.options) {
      for (const action of actionsOf(summary(state, state === 'paused' ? 'person' : null))) expect([state, action, Object.keys(ROLLOUT_TABLE[state][EVENTS[action]])]).toEqual([state, action, ['to']]);
    }
  });

  it('offer a way on from each pause, and never a plain resume past a guard', () => {
    for (const reason of pauseReason.options) {
      const actions = actionsOf(summary('paused', reason));
      expect(actions).toEqual(expect.arrayContaining(['stop', 'roll_back']));
      const guarded = reason === 'failure_rule' || reason === 'success_gate' || reason === 'measured_gate';
      expect([reason, actions.includes('resume')]).toEqual([reason, !guarded]);
      expect([reason, actions.includes('accept_and_resume')]).toEqual([reason, reason !== 'person']);
    }
  });

  it('roll nothing back that never began', () => {
    expect(actionsOf(summary('stopped', null, 0, null))).toEqual([]);
  });
});

it('what waits for somebody comes first, and the newest of equals', () => {
  const order = [summary('finished', null, 9), summary('running', null, 1), summary('running', null, 2), summary('paused', 'person'), summary('awaiting_approval'), summary('paused', 'measured_gate'), summary('draft')];
  expect(order.toSorted(byUrgency).map(({ rollout }) => [rollout.state, rollout.pause?.reason ?? rollout.createdAtMs])).toEqual([
    ['paused', 'measured_gate'], ['awaiting_approval', 0], ['paused', 'person'], ['running', 2], ['running', 1], ['draft', 0], ['finished', 9],
  ]);
});

it('every device is in one bucket', () => {
  for (const state of deviceRolloutState.options) expect(Object.values(bucketsOf({ [state]: 3 })).reduce((sum, count) => sum + count, 0)).toBe(3);
});

it('the tail is counted as the console counts it', () => {
  for (const state of deviceRolloutState.options) {
    const { phase } = DEVICE_TRAITS[state];
    const atEnd = phase === 'settled' || phase === 'final';
    expect([state, tailReason({ state, online: false, reason: null })]).toEqual([state, atEnd ? null : 'offline']);
    expect([state, tailReason({ state, online: true, reason: null })]).toEqual([state, atEnd || state === 'queued' ? null : state]);
  }
});
