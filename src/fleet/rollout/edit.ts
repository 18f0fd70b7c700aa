/** Another plan under the same rollout, as long as it is a draft. */
import { EdgewiseError } from '../../base/errors.ts';
import type { RolloutEffect, RolloutStore } from '../../contract/records/rollout.ts';
import { eachDevice, getDevice, NO_DEVICES, withDevices } from './device-map.ts';
import { Draft } from './draft.ts';
import { moveRollout } from './moves.ts';
import { draftRollout, type NewRollout, type RolloutPlan } from './plan.ts';
import type { RolloutState, Target } from './state.ts';

const PARTS = ['name', 'artifact', 'version', 'filter', 'policy'] as const;
type Part = (typeof PARTS)[number];

/** What would be other than it is. */
export function partsChanged(before: Pick<NewRollout, Part>, after: Pick<NewRollout, Part>): readonly Part[] {
  return PARTS.filter((part) => canonical(before[part]) !== canonical(after[part]));
}

/**
 * Its plan is made anew: whom it touches may be others. Who edits is its author from then on, so that nobody approves what he has written himself; the audit
 * keeps who was it before.
 * @param by who edits
 * @throws CONFLICT where it is no draft any more
 */
export function editRollout(state: RolloutState, facts: Omit<NewRollout, 'id' | 'author'>, plan: RolloutPlan, targets: readonly Target[], stores: readonly RolloutStore[], by: string, now: number): { readonly state: RolloutState; readonly effects: readonly RolloutEffect[] } {
  const draft = new Draft(state, now, () => 0);
  moveRollout(draft, 'edit', { kind: 'person', id: by }, `changed: ${partsChanged(state.rollout, facts).join(', ')}`);
  const { createdAtMs, effects } = draft.rollout;
  const fresh = draftRollout({ id: state.rollout.id, author: by, ...facts }, plan, targets, stores, now);
  // Numbers of effects only ever go up, also those of a device that was in the plan before.
  const devices = [...eachDevice(fresh.devices)].map((device) => ({ ...device, effects: getDevice(state.devices, device.deviceId)?.effects ?? 0, reports: getDevice(state.devices, device.deviceId)?.reports ?? 0 }));
  return { state: { ...fresh, rollout: { ...fresh.rollout, createdAtMs, effects }, devices: withDevices(NO_DEVICES, devices) }, effects: draft.finish().effects };
}

/** @throws CONFLICT where it was changed after the reader has read it */
export function checkRevision({ rollout }: RolloutState, revision: number): void {
  if (rollout.effects === revision) return;
  throw new EdgewiseError('CONFLICT', `Rollout ${rollout.name} was changed meanwhile.`, { hint: 'Read it again, then change it: nothing of yours has been kept.', details: { reason: 'CHANGED_MEANWHILE', revision: rollout.effects } });
}

/** The same for equal values, whatever order their parts were written in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (part !== null && typeof part === 'object' && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part));
}
