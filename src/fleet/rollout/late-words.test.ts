/** What devices say after their part is over, or while they were thought to be away. */
import { describe, expect, it } from 'vitest';
import { DISCARD_MS, RUNS_AGAIN } from './moves.ts';
import { HOUR, MINUTE, NEW, OLD, policyOf, SimulatedFleet, storesOf } from './testing/simulated-fleet.ts';

function wentBack(): SimulatedFleet {
  const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 3)).start().run(2 * HOUR);
  fleet.put({ type: 'roll_back', by: 'ann' });
  fleet.run(HOUR);
  expect(fleet.state.rollout.state).toBe('rolled_back');
  return fleet;
}

describe('a device that has gone back and says that it runs the new version', () => {
  it('is written down, told to somebody, shown with its reason and told to go back again', () => {
    const fleet = wentBack();
    const orders = (): number => fleet.commands.filter(({ command, deviceId }) => command === 'roll_back' && deviceId === 's0-d0').length;
    expect(orders()).toBe(1);
    fleet.report('s0-d0', { kind: 'running', digest: NEW });
    expect(fleet.device('s0-d0')).toMatchObject({ state: 'rolling_back', reason: RUNS_AGAIN, failure: 'failed' });
    fleet.deliver();
    expect(orders()).toBe(2);
    expect(fleet.notes).toContain('runs_again');
    expect(fleet.audit.findLast(({ subject, event }) => subject.id === 's0-d0' && event === 'runs_target')).toMatchObject({ from: 'rolled_back', to: 'failed', note: RUNS_AGAIN });
    expect(fleet.device('s0-d0').state).toBe('rolled_back');
  });

  it('is left alone when it only says again that it is back, or an old report comes twice', () => {
    const fleet = wentBack();
    const before = fleet.device('s0-d0');
    fleet.report('s0-d0', { kind: 'running', digest: OLD });
    fleet.put({ type: 'report', deviceId: 's0-d0', sequence: 1, attempt: 0, report: { kind: 'running', digest: NEW } });
    expect(fleet.device('s0-d0')).toEqual({ ...before, reports: before.reports + 1 });
  });
});

describe('a device that reports', () => {
  it('is reached, whatever the line had said before', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.put({ type: 'presence', deviceId: 's0-d0', online: false });
    fleet.report('s0-d0', { kind: 'verifying' });
    expect(fleet.device('s0-d0')).toMatchObject({ online: true, state: 'verifying' });
  });

  it('is not reached by a report that was seen before', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.report('s0-d0', { kind: 'verifying' });
    fleet.put({ type: 'presence', deviceId: 's0-d0', online: false });
    fleet.put({ type: 'report', deviceId: 's0-d0', sequence: 1, attempt: 0, report: { kind: 'verifying' } });
    expect(fleet.device('s0-d0').online).toBe(false);
  });
});

describe('an order to throw away what was downloaded', () => {
  it('ends, so that it is not sent at every birth for ever', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.put({ type: 'stop', by: 'ann' });
    for (const device of fleet.devices.values()) device.behaviour.answer = () => [];
    fleet.deliver();
    fleet.now += MINUTE;
    fleet.run(HOUR);
    const discards = fleet.commands.filter(({ command }) => command === 'discard');
    expect(discards).toHaveLength(3);
    for (const { validUntilMs } of discards) expect(validUntilMs).toBeLessThanOrEqual(fleet.now + DISCARD_MS);
  });
});
