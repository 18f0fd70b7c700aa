/** What the engine says in its own short words, as the reader's language has it. What is not known here is shown as it came. */
import { useI18n } from 'vue-i18n';
import type { RolloutRecord } from '../../../../src/contract/records/rollout.ts';

/** Reasons that the engine and the agents give, and the word for each. */
const KNOWN: Readonly<Record<string, string>> = {
  offline: 'offline',
  'retry later': 'retryLater',
  'update window': 'updateWindow',
  'download window': 'downloadWindow',
  'store minimum': 'storeMinimum',
  'server busy': 'serverBusy',
  'rollout paused': 'rolloutPaused',
  'wave failed': 'waveFailed',
  'rollout rolls back': 'rollsBack',
  'runs the version before': 'runsBefore',
  'runs another version': 'runsOther',
  'back online': 'backOnline',
  'the time for the tail is over': 'tailOver',
  'late joiner': 'lateJoiner',
  ramp: 'ramp',
  'other rollout': 'otherRollout',
};

export function useReasons() {
  const { t, te } = useI18n();

  function reasonText(reason: string): string {
    const key = KNOWN[reason];
    if (key !== undefined) return t(`rollouts.reason.${key}`);
    const [, kind = '', metrics = ''] = /^gate (missed|unproven): (.+)$/.exec(reason) ?? [];
    if (kind !== '') return t(`rollouts.reason.gate_${kind}`, { metrics: metrics.split(', ').map((metric) => (te(`rollouts.metric.${metric}`) ? t(`rollouts.metric.${metric}`) : metric)).join(', ') });
    const [, state = ''] = /^no word in time while (\w+)$/.exec(reason) ?? [];
    if (state !== '' && te(`rollouts.deviceState.${state}`)) return t('rollouts.reason.noWord', { state: t(`rollouts.deviceState.${state}`) });
    if (te(`rollouts.deviceState.${reason}`)) return t(`rollouts.deviceState.${reason}`);
    return te(`errors.${reason}`) ? t(`errors.${reason}`) : reason;
  }

  /** Why it waits; empty where it does not. */
  function pauseText({ pause }: Pick<RolloutRecord, 'pause'>): string {
    if (pause === null) return '';
    const reason = t(`rollouts.pause.${pause.reason}`);
    return pause.note === '' ? reason : t('rollouts.pause.withNote', { reason, note: pause.note });
  }

  return { reasonText, pauseText };
}
