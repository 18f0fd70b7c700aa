/** Rollouts from beginning to end: what operators count on, and what they complain about elsewhere. */
import { describe, expect, it } from 'vitest';
import { type Behaviour, MINUTE, HOUR, NEW, OLD, policyOf, SECOND, SimulatedFleet, START, storesOf, targetsOf } from './testing/simulated-fleet.ts';

const states = (fleet: SimulatedFleet): string[] => fleet.state.waves.map((wave) => wave.state);

describe('a rollout that goes well', () => {
  const fleet = new SimulatedFleet(policyOf({ waves: { kind: 'sizes', sizes: [{ by: 'count', count: 4 }] } }), storesOf(4, 3)).start().run(2 * HOUR);

  it('ends with every device on the new version, told by the device itself', () => {
    expect(fleet.state.rollout.state).toBe('finished');
    expect(fleet.count('succeeded')).toBe(12);
    expect([...fleet.devices.values()].map((device) => [device.runs, device.swaps])).toEqual(Array.from({ length: 12 }, () => [NEW, 1]));
  });

  it('begins each wave when the one before has soaked', () => {
    expect(states(fleet)).toEqual(['passed', 'passed', 'passed']);
    const [canary, second, third] = fleet.state.waves;
    expect((second?.startedAtMs ?? 0) - (canary?.soakUntilMs ?? 0)).toBeGreaterThanOrEqual(0);
    expect((canary?.soakUntilMs ?? 0) - (canary?.startedAtMs ?? 0)).toBeGreaterThanOrEqual(10 * MINUTE);
    expect((third?.startedAtMs ?? 0)).toBeGreaterThan(second?.startedAtMs ?? 0);
  });

  it('leaves an audit log: who, what, when, from which state', () => {
    expect(fleet.audit[0]).toEqual({ atMs: START, actor: { kind: 'person', id: 'ann' }, rolloutId: 'r1', subject: { kind: 'rollout', id: 'r1' }, event: 'submit', from: 'draft', to: 'scheduled', note: '' });
    const one = fleet.audit.filter((entry) => entry.subject.id === 's0-d0').map((entry) => entry.to);
    expect(one).toEqual(expect.arrayContaining(['downloading', 'verifying', 'staged', 'benchmarking', 'swapping', 'confirming', 'succeeded']));
  });
});

describe('approval', () => {
  it('is by another person than the author, and nothing starts before', () => {
    const fleet = new SimulatedFleet(policyOf({ approval: 'other_person' }), storesOf(2, 3)).start().run(HOUR);
    expect(fleet.state.rollout.state).toBe('awaiting_approval');
    expect(fleet.commands).toEqual([]);
    expect(fleet.ask({ type: 'approve', by: 'ann' })).toBe('SAME_PERSON');
    expect(fleet.ask({ type: 'approve', by: 'bob' })).toBeNull();
    expect(fleet.state.rollout.approvedBy).toBe('bob');
    expect(fleet.run(2 * HOUR).state.rollout.state).toBe('finished');
    expect(fleet.notes).toEqual(['approval_wanted', 'ended']);
  });

  it('is given anew after it was taken back', () => {
    const fleet = new SimulatedFleet(policyOf({ approval: 'other_person', startAtMs: START + HOUR }), storesOf(1, 3)).start();
    fleet.put({ type: 'approve', by: 'bob' });
    fleet.put({ type: 'withdraw', by: 'ann' });
    fleet.put({ type: 'submit', by: 'ann' });
    expect(fleet.state.rollout).toMatchObject({ state: 'awaiting_approval', approvedBy: null });
  });
});

describe('gates on what was measured', () => {
  it('a candidate that is slower on the device is not installed, and the wave fails', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3));
    for (const device of fleet.devices.values()) device.behaviour.latencyMs = 80;
    fleet.start().run(2 * HOUR);
    expect(fleet.state.rollout).toMatchObject({ state: 'paused', pause: { reason: 'success_gate' } });
    expect(states(fleet)).toEqual(['failed', 'pending']);
    expect(fleet.count('rejected')).toBe(2);
    expect(fleet.count('queued')).toBe(10);
    expect([...fleet.devices.values()].every((device) => device.runs === OLD)).toBe(true);
    expect(fleet.all().find((device) => device.state === 'rejected')).toMatchObject({ reason: 'gate missed: latencyP95Ms', failure: 'rejected', gates: [{ verdict: 'missed', measured: 2 }] });
  });

  it('one that turns out slow in service is taken back from everybody, without a hand on it', () => {
    const fleet = new SimulatedFleet(policyOf({ onGateFailure: 'roll_back' }), storesOf(4, 3));
    for (const device of fleet.devices.values()) device.behaviour.serviceLatencyMs = 80;
    fleet.start().run(2 * HOUR);
    expect(fleet.state.rollout.state).toBe('rolled_back');
    expect(fleet.count('rolled_back')).toBe(2);
    expect(fleet.count('cancelled')).toBe(10);
    expect([...fleet.devices.values()].every((device) => device.runs === OLD)).toBe(true);
    expect(fleet.notes).toEqual(['wave_failed', 'rolling_back', 'ended']);
  });

  it('figures that never come are not good figures', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3));
    for (const device of fleet.devices.values()) device.behaviour.serviceLatencyMs = null;
    fleet.start().run(2 * HOUR);
    expect(fleet.state.rollout).toMatchObject({ state: 'paused', pause: { reason: 'gate_unproven' } });
    expect(states(fleet)).toEqual(['soaking', 'pending']);
    fleet.put({ type: 'resume', by: 'bob', accept: true });
    expect(fleet.state.waves[0]).toMatchObject({ state: 'passed', acceptedBy: 'bob' });
  });

  it('a wave that failed goes on only in the name of a person who accepts it', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3));
    for (const device of fleet.devices.values()) device.behaviour.latencyMs = 80;
    fleet.start().run(HOUR);
    expect(fleet.ask({ type: 'resume', by: 'bob', accept: false })).toBe('GUARD_NOT_ACCEPTED');
    expect(fleet.ask({ type: 'resume', by: 'bob', accept: true })).toBeNull();
    expect(fleet.state.waves[0]).toMatchObject({ state: 'passed', acceptedBy: 'bob' });
    expect(fleet.run(HOUR).count('rejected')).toBe(12);
  });

  it('are not skipped when all devices of a wave end in the same moment', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, failures: [{ kinds: ['rejected'], aboveShare: 0.5, minExecuted: 3, scope: 'wave' }] }), storesOf(4, 3));
    for (const device of fleet.devices.values()) device.behaviour.latencyMs = 80;
    fleet.start().run(HOUR);
    expect(fleet.state.rollout).toMatchObject({ state: 'paused', pause: { reason: 'failure_rule' } });
  });
});

describe('devices that cannot be reached', () => {
  const offline = (id: string): boolean => id.endsWith('d2');
  const fleetWithTail = (more = {}): SimulatedFleet => {
    const stores = storesOf(4, 3);
    return new SimulatedFleet(policyOf(more), stores, { targets: targetsOf(stores, { online: (id) => !offline(id) }) }).start();
  };

  it('are a visible tail, neither a success nor a failure, and pick up later', () => {
    const fleet = fleetWithTail().run(2 * HOUR);
    expect(states(fleet)).toEqual(['passed', 'passed']);
    expect(fleet.state.rollout.state).toBe('running');
    expect(fleet.all().filter((device) => device.state === 'queued').map((device) => [offline(device.deviceId), device.reason, device.failure])).toEqual(Array.from({ length: 4 }, () => [true, 'offline', null]));
    for (const device of fleet.all()) fleet.put({ type: 'presence', deviceId: device.deviceId, online: true });
    fleet.run(HOUR);
    expect(fleet.state.rollout.state).toBe('finished');
    expect(fleet.count('succeeded')).toBe(12);
  });

  it('are waited for as long as the policy says', () => {
    const fleet = fleetWithTail({ tailMs: 3 * HOUR }).run(6 * HOUR);
    expect(fleet.state.rollout.state).toBe('finished');
    expect(fleet.count('cancelled')).toBe(4);
    expect(fleet.all().find((device) => device.state === 'cancelled')?.reason).toBe('the time for the tail is over');
  });

  it('do not use up retries by being away while downloading', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 1 }), storesOf(1, 3)).start();
    const id = fleet.all()[0]?.deviceId ?? '';
    const device = fleet.devices.get(id);
    if (device !== undefined) device.behaviour.answer = () => [];
    fleet.run(MINUTE);
    fleet.put({ type: 'presence', deviceId: id, online: false });
    fleet.run(HOUR);
    expect(fleet.device(id)).toMatchObject({ state: 'queued', attempt: 0, failure: null, reason: 'offline' });
  });

  it('a canary of nobody reached does not pass: it asks a person', () => {
    const stores = storesOf(2, 3);
    const fleet = new SimulatedFleet(policyOf(), stores, { targets: targetsOf(stores, { online: () => false }) }).start().run(25 * HOUR, 10 * MINUTE);
    expect(fleet.state.rollout).toMatchObject({ state: 'paused', pause: { reason: 'sample_too_small' } });
    expect(states(fleet)).toEqual(['running', 'pending']);
  });
});

describe('faults', () => {
  const one = (answer: NonNullable<Behaviour['answer']>): SimulatedFleet => {
    const fleet = new SimulatedFleet(policyOf({ canary: 1, gates: [] }), storesOf(1, 3));
    const device = fleet.devices.get(fleet.all()[0]?.deviceId ?? '');
    if (device !== undefined) device.behaviour.answer = answer;
    return fleet.start();
  };
  const first = (fleet: SimulatedFleet) => fleet.all()[0];

  it('a download that fails is tried again, later each time, and then given up by name', () => {
    const fleet = one((command: string) => (command === 'prepare' ? [{ kind: 'fault', code: 'DOWNLOAD_FAILED', retry: true }] : undefined)).run(HOUR, 5 * SECOND);
    expect(first(fleet)).toMatchObject({ state: 'failed', attempt: 2, failure: 'failed', reason: 'DOWNLOAD_FAILED' });
    const times = fleet.audit.filter((entry) => entry.event === 'prepare').map((entry) => entry.atMs - START);
    expect(times).toHaveLength(3);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(30 * SECOND);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(MINUTE);
  });

  it('a server that sheds load has not failed: no retry is used, however often', () => {
    let busy = 20;
    const fleet = one((command: string) => (command === 'prepare' && busy-- > 0 ? [{ kind: 'shed', retryAfterMs: 2 * MINUTE }] : undefined)).run(HOUR);
    expect(first(fleet)).toMatchObject({ state: 'succeeded', attempt: 0, failure: null });
    expect(fleet.audit.filter((entry) => entry.event === 'shed')).toHaveLength(20);
  });

  it.each([['prepare'], ['benchmark']])('a device that says nothing after %s is timed out after its retries', (silent) => {
    const fleet = one((command: string) => (command === silent ? [] : undefined)).run(2 * HOUR);
    expect(first(fleet)).toMatchObject({ state: 'timed_out', failure: 'timed_out', attempt: 2, touched: false });
    expect(fleet.commands.filter((command) => command.command === silent)).toHaveLength(3);
    expect(fleet.state.rollout.state).toBe('paused');
  });

  it('a device that says nothing after the swap is timed out at once, and counts as out of service', () => {
    const fleet = one((command: string) => (command === 'swap' ? [] : undefined)).run(HOUR);
    expect(first(fleet)).toMatchObject({ state: 'timed_out', touched: true });
    expect(fleet.commands.filter((command) => command.command === 'swap')).toHaveLength(1);
  });

  it('a late word of the new slot counts, however late', () => {
    const fleet = one((command: string) => (command === 'swap' ? [] : undefined)).run(HOUR);
    fleet.report(first(fleet)?.deviceId ?? '', { kind: 'running', digest: NEW });
    expect(first(fleet)).toMatchObject({ state: 'succeeded', failure: null });
  });

  it('the old version still running is no success', () => {
    const fleet = one((command: string) => (command === 'swap' ? [{ kind: 'confirming' }, { kind: 'running', digest: OLD }] : undefined)).run(HOUR);
    expect(first(fleet)).toMatchObject({ state: 'rolled_back', failure: 'failed' });
  });

  it('a new slot that does not work is told to go back at once', () => {
    const fleet = one((command: string) => (command === 'swap' ? [{ kind: 'confirming' }, { kind: 'fault', code: 'RUNTIME_CRASHED', retry: true }] : undefined)).run(HOUR);
    expect(first(fleet)).toMatchObject({ state: 'rolled_back', failure: 'failed' });
    expect(fleet.audit.filter((entry) => entry.subject.id === first(fleet)?.deviceId).slice(-3).map((entry) => entry.to)).toEqual(['failed', 'rolling_back', 'rolled_back']);
  });

  it('what the device refuses is rejected, not tried again', () => {
    const fleet = one((command: string) => (command === 'prepare' ? [{ kind: 'refused', code: 'UNTRUSTED_SIGNATURE' }] : undefined)).run(HOUR);
    expect(first(fleet)).toMatchObject({ state: 'rejected', failure: 'rejected', reason: 'UNTRUSTED_SIGNATURE', attempt: 0 });
  });

  it('reports of an older attempt, seen ones and those of strangers change nothing', () => {
    const fleet = one(() => []).run(MINUTE);
    const id = first(fleet)?.deviceId ?? '';
    fleet.report(id, { kind: 'downloading', bytesDone: 5 });
    const before = fleet.state;
    fleet.put({ type: 'report', deviceId: id, sequence: 1, attempt: 0, report: { kind: 'staged' } });
    fleet.put({ type: 'report', deviceId: 'stranger', sequence: 9, attempt: 0, report: { kind: 'staged' } });
    expect(fleet.state.devices).toBe(before.devices);
    fleet.report(id, { kind: 'staged' }, 7);
    expect(fleet.device(id).state).toBe('downloading');
  });
});

describe('persons', () => {
  it('pause keeps new work from starting, lets a swap end, and goes on where it was', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, soakMs: 0 }), storesOf(4, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.put({ type: 'pause', by: 'bob', note: 'lunch' });
    fleet.deliver();
    fleet.run(HOUR);
    expect(fleet.count('staged')).toBe(12);
    fleet.put({ type: 'resume', by: 'bob', accept: false });
    expect(fleet.run(HOUR).state.rollout.state).toBe('finished');
  });

  it('a benchmark that ends during a pause does not lead to a swap', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 1 }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.deliver();
    fleet.put({ type: 'tick' });
    fleet.put({ type: 'pause', by: 'bob', note: '' });
    fleet.deliver();
    expect(fleet.all()[0]).toMatchObject({ state: 'waiting_window', reason: 'rollout paused', touched: false });
  });

  it('stop ends what has not been swapped and keeps what has', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3)).start().run(5 * MINUTE);
    expect(fleet.count('succeeded')).toBe(2);
    fleet.put({ type: 'stop', by: 'bob' });
    fleet.run(MINUTE);
    expect(fleet.state.rollout.state).toBe('stopped');
    expect([fleet.count('succeeded'), fleet.count('cancelled')]).toEqual([2, 10]);
  });

  it('roll back a finished rollout, store by store', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3)).start().run(2 * HOUR);
    expect(fleet.state.rollout.state).toBe('finished');
    fleet.put({ type: 'roll_back', by: 'bob' });
    fleet.run(HOUR);
    expect(fleet.state.rollout.state).toBe('rolled_back');
    expect([...fleet.devices.values()].every((device) => device.runs === OLD)).toBe(true);
  });

  it('a device that is offline during a rollback goes back when it returns', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(2, 3)).start().run(2 * HOUR);
    fleet.put({ type: 'presence', deviceId: 's0-d0', online: false });
    fleet.put({ type: 'roll_back', by: 'bob' });
    fleet.run(HOUR);
    expect(fleet.state.rollout.state).toBe('rolling_back');
    expect(fleet.device('s0-d0')).toMatchObject({ state: 'succeeded', reason: 'rollback: offline' });
    fleet.put({ type: 'presence', deviceId: 's0-d0', online: true });
    expect(fleet.run(HOUR).state.rollout.state).toBe('rolled_back');
    expect(fleet.devices.get('s0-d0')?.runs).toBe(OLD);
  });
});

describe('windows, ramp, stores', () => {
  it('downloads and swaps happen in their windows, by the clock of the store', () => {
    const policy = policyOf({
      download: { kind: 'weekly', spans: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '20:00', to: '23:00' }] },
      update: { kind: 'weekly', spans: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '02:00', to: '04:00' }] },
    });
    const fleet = new SimulatedFleet(policy, storesOf(2, 3, 'Asia/Shanghai')).start().run(72 * HOUR, 10 * MINUTE);
    const hours = (event: string): number[] => fleet.audit.filter((entry) => entry.event === event).map((entry) => (new Date(entry.atMs).getUTCHours() + 8) % 24);
    expect(fleet.state.rollout.state).toBe('finished');
    expect(hours('prepare').every((hour) => hour >= 20 && hour < 23)).toBe(true);
    expect(hours('activate').every((hour) => hour >= 2 && hour < 4)).toBe(true);
    expect(hours('activate')).toHaveLength(6);
  });

  it('no more devices start than the ramp allows', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, ramp: { basePerMinute: 2, factor: 2, every: 10, maxPerMinute: 100 } }), storesOf(20, 3)).start().run(HOUR, 5 * SECOND);
    const starts = fleet.audit.filter((entry) => entry.event === 'prepare').map((entry) => entry.atMs - START);
    expect(starts).toHaveLength(60);
    expect(starts.filter((at) => at < 5 * MINUTE).length).toBeLessThanOrEqual(11);
    expect(starts.filter((at) => at >= 4 * MINUTE && at < 5 * MINUTE).length).toBeGreaterThanOrEqual(2);
  });

  it('a store keeps its minimum, also for devices that are down for other reasons', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, store: { minServing: 2, smallStores: 'wait', maxAtOnce: 5 } }), storesOf(1, 3)).start();
    fleet.put({ type: 'tick' });
    fleet.deliver();
    fleet.put({ type: 'tick', othersDown: { s0: 1 } });
    expect(fleet.count('benchmarking')).toBe(0);
    expect(fleet.all().map((device) => device.reason)).toEqual(Array(3).fill('store minimum'));
    fleet.put({ type: 'tick' });
    expect(fleet.count('benchmarking')).toBe(1);
  });

  it.each([['wait', 0], ['one_at_a_time', 1]] as const)('a store without a device to spare: %s', (smallStores, busy) => {
    const fleet = new SimulatedFleet(policyOf({ canary: 0, store: { minServing: 2, smallStores, maxAtOnce: 5 } }), storesOf(1, 2)).start();
    fleet.put({ type: 'tick' });
    fleet.deliver();
    fleet.put({ type: 'tick' });
    expect(fleet.count('benchmarking')).toBe(busy);
  });
});

describe('late joiners and leavers', () => {
  const store = { id: 's9', timeZone: 'UTC', openingHours: [], devices: 2 };
  const target = { deviceId: 'late', storeId: 's9', class: 'box', online: true, digest: OLD };

  it('join the last wave, never an earlier one', () => {
    const fleet = new SimulatedFleet(policyOf(), storesOf(4, 3)).start().run(2 * MINUTE);
    fleet.put({ type: 'joined', target, store });
    expect(fleet.device('late')).toMatchObject({ wave: 1, state: 'queued' });
    fleet.put({ type: 'joined', target, store });
    fleet.devices.set('late', { runs: OLD, seen: 0, reports: 0, swaps: 0, behaviour: {} });
    expect(fleet.run(2 * HOUR).count('succeeded')).toBe(13);
  });

  it('are left out where the policy says so, and once the rollout has ended', () => {
    const fleet = new SimulatedFleet(policyOf({ lateJoiners: 'ignore' }), storesOf(4, 3)).start().run(2 * MINUTE);
    fleet.put({ type: 'joined', target, store });
    expect(fleet.state.devices.size).toBe(12);
    const ended = new SimulatedFleet(policyOf(), storesOf(4, 3)).start().run(2 * HOUR);
    ended.put({ type: 'joined', target, store });
    expect(ended.state.devices.size).toBe(12);
  });

  it('a device that leaves holds nobody up', () => {
    const fleet = new SimulatedFleet(policyOf({ canary: 3 }), storesOf(4, 3)).start();
    const id = fleet.all()[0]?.deviceId ?? '';
    const device = fleet.devices.get(id);
    if (device !== undefined) device.behaviour.answer = () => [];
    fleet.run(5 * MINUTE);
    fleet.put({ type: 'removed', deviceId: id, by: 'bob' });
    expect(fleet.run(2 * HOUR).state.rollout.state).toBe('finished');
    expect(fleet.device(id).state).toBe('removed');
  });

  it('a device that runs the target already needs nothing', () => {
    const stores = storesOf(1, 3);
    const fleet = new SimulatedFleet(policyOf({ canary: 0 }), stores, { targets: targetsOf(stores, { digest: NEW }) }).start().run(5 * MINUTE);
    expect(fleet.count('already_installed')).toBe(3);
    expect(fleet.state.rollout.state).toBe('finished');
    expect(fleet.commands).toEqual([]);
  });
});
