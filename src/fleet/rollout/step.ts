/** The door to the rollout engine: a state and something that happened give the next state and what is to be done. */
import type { RolloutInput, RolloutState, StepResult } from './state.ts';
import { Draft } from './draft.ts';
import { personAsks } from './persons.ts';
import { deviceJoins, deviceLeaves, deviceReports, presenceChanges } from './reports.ts';
import { tick } from './tick.ts';

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Pure. The host keeps the new state and the effects in one transaction, and carries the effects out afterwards, as often as it takes: each has an id by
 * which it counts once.
 * @param now milliseconds since 1970
 * @param random 0 to below 1, for jitter
 * @throws CONFLICT when a person asks for what the state does not allow; nothing has changed then
 */
export function step(state: RolloutState, input: RolloutInput, now: number, random: () => number): StepResult {
  const draft = new Draft(state, now, random);
  switch (input.type) {
    case 'tick':
      tick(draft, input.othersDown ?? {}, input.busy ?? NOBODY);
      break;
    case 'report':
      deviceReports(draft, input);
      break;
    case 'presence':
      presenceChanges(draft, input.deviceId, input.online);
      break;
    case 'joined':
      deviceJoins(draft, input.target, input.store);
      break;
    case 'removed':
      deviceLeaves(draft, input.deviceId, input.by);
      break;
    default:
      personAsks(draft, input);
  }
  return draft.finish();
}
