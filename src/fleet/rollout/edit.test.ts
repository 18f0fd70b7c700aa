import { describe, expect, it } from 'vitest';
import type { RolloutPolicy, RolloutStore } from '../../contract/records/rollout.ts';
import { eachDevice, getDevice } from './device-map.ts';
import { checkRevision, editRollout, partsChanged } from './edit.ts';
import { draftRollout, planRollout } from './plan.ts';
import type { RolloutState, Target } from './state.ts';
import { step } from './step.ts';

const HOUR = 3_600_000;
const POLICY: RolloutPolicy = {
  approval: 'other_person', startAtMs: null, canary: 1, waves: { kind: 'sizes', sizes: [] }, ramp: null, store: { minServing: 0, smallStores: 'one_at_a_time', maxAtOnce: 1 }, download: { kind: 'always' }, update: { kind: 'always' },
  success: { atLeastShare: 1, minExecuted: 1 }, failures: [], gates: [], waveGates: { missedAtMostShare: 0, minDevices: 1 }, onGateFailure: 'pause', soakMs: 0, retries: { max: 2, baseMs: 1, factor: 1, maxMs: 1 },
  timeoutsMs: { downloading: HOUR, verifying: HOUR, benchmarking: HOUR, swapping: HOUR, confirming: HOUR, rolling_back: HOUR, wave: HOUR }, jitterMs: 0, lateJoiners: 'ignore', tailMs: HOUR,
};
const STORES: readonly RolloutStore[] = [{ id: 's', timeZone: 'UTC', openingHours: [], devices: 3 }];
const target = (deviceId: string): Target => ({ deviceId, storeId: 's', class: 'edge-box', online: true, digest: null });
const FACTS = { name: 'flow 2', artifact: 'flow', version: 2, digest: 'b'.repeat(64), filter: '', policy: POLICY };
const random = (): number => 0.3;

function drafted(ids: readonly string[]): RolloutState {
  const targets = ids.map(target);
  return draftRollout({ id: 'r', author: 'ann', ...FACTS }, planRollout(POLICY, FACTS.digest, targets, STORES, random), targets, STORES, 5);
}
function edited(state: RolloutState, facts: Partial<typeof FACTS>, ids: readonly string[], by: string): ReturnType<typeof editRollout> {
  const [all, targets] = [{ ...FACTS, ...facts }, ids.map(target)];
  return editRollout(state, all, planRollout(all.policy, all.digest, targets, STORES, random), targets, STORES, by, 9);
}

describe('editing a draft', () => {
  it('makes its plan anew under the same id, and says in the audit what was changed and by whom', () => {
    const { state, effects } = edited(drafted(['a', 'b', 'c']), { name: 'flow 2 east', filter: 'region = East', policy: { ...POLICY, canary: 0 } }, ['b', 'd'], 'bob');
    expect(state.rollout).toMatchObject({ id: 'r', name: 'flow 2 east', filter: 'region = East', state: 'draft', author: 'bob', createdAtMs: 5 });
    expect([...eachDevice(state.devices)].map(({ deviceId }) => deviceId).toSorted()).toEqual(['b', 'd']);
    expect(state.waves.map(({ kind }) => kind)).toEqual(['wave']);
    expect(effects).toEqual([expect.objectContaining({ kind: 'audit', entry: expect.objectContaining({ actor: { kind: 'person', id: 'bob' }, event: 'edit', from: 'draft', to: 'draft', note: 'changed: name, filter, policy' }) as unknown })]);
  });

  it('leaves nobody to approve what he has written himself', () => {
    const submitted = step(edited(drafted(['a']), { filter: 'x' }, ['a'], 'bob').state, { type: 'submit', by: 'ann' }, 10, random).state;
    expect(() => step(submitted, { type: 'approve', by: 'bob' }, 11, random)).toThrow(expect.objectContaining({ details: expect.objectContaining({ reason: 'SAME_PERSON' }) as unknown }));
    expect(step(submitted, { type: 'approve', by: 'ann' }, 11, random).state.rollout.state).toBe('scheduled');
  });

  it('is refused once it is no draft, and possible again after it was withdrawn', () => {
    const submitted = step(drafted(['a']), { type: 'submit', by: 'ann' }, 6, random).state;
    expect(() => edited(submitted, { filter: 'x' }, ['a'], 'ann')).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    const withdrawn = step(submitted, { type: 'withdraw', by: 'ann' }, 7, random).state;
    expect(edited(withdrawn, { filter: 'x' }, ['a'], 'ann').state.rollout.filter).toBe('x');
  });

  it('counts on: an effect never gets the number of one before', () => {
    const before = step(drafted(['a', 'b']), { type: 'removed', deviceId: 'a', by: 'ann' }, 6, random).state;
    const after = edited(before, { name: 'other' }, ['a', 'b'], 'ann').state;
    expect(after.rollout.effects).toBeGreaterThan(before.rollout.effects);
    expect(getDevice(after.devices, 'a')?.effects).toBe(getDevice(before.devices, 'a')?.effects);
    expect(getDevice(before.devices, 'a')?.effects).toBeGreaterThan(0);
  });

  it('lets only one of two that have read the same draft write it', () => {
    const state = drafted(['a']);
    const read = state.rollout.effects;
    expect(() => checkRevision(state, read)).not.toThrow();
    expect(() => checkRevision(edited(state, { filter: 'x' }, ['a'], 'ann').state, read)).toThrow(expect.objectContaining({ code: 'CONFLICT', details: expect.objectContaining({ reason: 'CHANGED_MEANWHILE' }) as unknown }));
  });

  it('knows what is other from what is only written in another order', () => {
    const turned = Object.fromEntries(Object.entries(POLICY).toReversed()) as unknown as RolloutPolicy;
    expect(partsChanged(FACTS, { ...FACTS, policy: turned })).toEqual([]);
    expect(partsChanged(FACTS, { ...FACTS, version: 3, policy: { ...POLICY, soakMs: 1 } })).toEqual(['version', 'policy']);
  });
});
