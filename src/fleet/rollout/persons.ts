/** What persons ask of a rollout. */
import { EdgewiseError } from '../../base/errors.ts';
import type { RolloutWave } from '../../contract/records/rollout.ts';
import type { Actor, Draft } from './draft.ts';
import { tally } from './gates.ts';
import { moveRollout, moveWave } from './moves.ts';
import type { RolloutInput } from './state.ts';

type PersonInput = Extract<RolloutInput, { type: 'submit' | 'withdraw' | 'approve' | 'send_back' | 'stop' | 'roll_back' | 'pause' | 'resume' }>;

export function personAsks(draft: Draft, input: PersonInput): void {
  const actor: Actor = { kind: 'person', id: input.by };
  switch (input.type) {
    case 'submit':
      moveRollout(draft, draft.rollout.policy.approval === 'none' ? 'submit' : 'submit_for_approval', actor, input.note);
      return;
    case 'approve':
      moveRollout(draft, input.by === draft.rollout.author ? 'approve_by_author' : 'approve_by_other', actor, input.note);
      return;
    case 'withdraw':
    case 'send_back':
    case 'stop':
    case 'roll_back':
      moveRollout(draft, input.type, actor, input.note);
      return;
    case 'pause':
      moveRollout(draft, 'pause', actor, input.note, 'person');
      return;
    case 'resume':
      resume(draft, actor, input.accept, input.note ?? '');
  }
}

/** The wave at which the rollout stands; undefined: all have passed. */
export function openWave(draft: Draft): RolloutWave | undefined {
  return draft.waves.find((wave) => wave.state !== 'passed');
}

function resume(draft: Draft, actor: Actor, accept: boolean, note: string): void {
  const pause = draft.rollout.pause;
  const wave = openWave(draft);
  if (pause !== null && pause.reason !== 'person' && pause.reason !== 'sample_too_small' && pause.reason !== 'gate_unproven' && !accept) {
    throw new EdgewiseError('CONFLICT', `Rollout ${draft.rollout.name} is paused by a guard: ${pause.note}.`, {
      hint: 'Roll it back, or resume and accept the failure in your name.',
      details: { reason: 'GUARD_NOT_ACCEPTED', pause: pause.reason },
    });
  }
  const said = accept ? ['accepted', note].filter((part) => part !== '').join(': ') : note;
  if (!moveRollout(draft, 'resume', actor, said) || pause === null || pause.reason === 'person') return;
  if (accept) {
    const counts = tally(draft.devices());
    draft.rollout = { ...draft.rollout, acceptedFailures: counts.failures.failed + counts.failures.timed_out + counts.failures.rejected };
    // A rule over the whole rollout says nothing against the wave that happens to be open.
    if (wave !== undefined && (wave.state === 'failed' || pause.reason === 'sample_too_small' || pause.reason === 'gate_unproven')) moveWave(draft, wave, 'accept', actor, pause.note);
  } else if (wave?.state === 'running') {
    draft.setWave({ ...wave, startedAtMs: draft.now });
  } else if (wave?.state === 'soaking') {
    draft.setWave({ ...wave, soakUntilMs: draft.now + draft.rollout.policy.soakMs });
  }
}
