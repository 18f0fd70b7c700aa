import type { RolloutWave } from '../../../../src/contract/records/rollout.ts';

type Words = (key: string, named: Record<string, unknown>) => string;
type Named = Pick<RolloutWave, 'kind'>;

/** The canary by its name, the others counted without it. */
export function waveName(t: Words, waves: readonly Named[], index: number): string {
  if (waves[index]?.kind === 'canary') return t('rollouts.canary', {});
  return t('rollouts.wave', { number: waves[0]?.kind === 'canary' ? index : index + 1 });
}
