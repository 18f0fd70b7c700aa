/** What the engine says in its own short words, as the reader's language has it. What is not known here is shown as it came. */
import { useI18n } from 'vue-i18n';
import type { FleetGate, RolloutRecord, RolloutWave } from '../../../../src/contract/records/rollout.ts';
import { useGateWords } from './gate-words.ts';
import { waveName } from './wave-name.ts';

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
  const { boundText } = useGateWords();

  function reasonText(reason: string): string {
    const key = KNOWN[reason];
    if (key !== undefined) return t(`rollouts.reason.${key}`);
    const [, kind = '', metrics = ''] = /^gate (missed|unproven): (.+)$/.exec(reason) ?? [];
    if (kind !== '') return t(`rollouts.reason.gate_${kind}`, { metrics: metrics.split(', ').map(metricText).join(', ') });
    const [, state = ''] = /^no word in time while (\w+)$/.exec(reason) ?? [];
    if (state !== '' && te(`rollouts.deviceState.${state}`)) return t('rollouts.reason.noWord', { state: t(`rollouts.deviceState.${state}`) });
    if (te(`rollouts.deviceState.${reason}`)) return t(`rollouts.deviceState.${reason}`);
    return te(`errors.${reason}`) ? t(`errors.${reason}`) : reason;
  }

  const metricText = (metric: string): string => (te(`rollouts.metric.${metric}`) ? t(`rollouts.metric.${metric}`) : metric);

  /** What the engine notes about a wave or a rollout: the figures that it judged by. */
  function noteText(note: string, waves: readonly Pick<RolloutWave, 'kind'>[]): string {
    const [, index = '', rest = ''] = /^wave (\d+): (.+)$/.exec(note) ?? [];
    if (index !== '') return t('rollouts.judged.ofWave', { wave: waveName(t, waves, Number(index)), what: noteText(rest, waves) });
    const [, succeeded = '', ended = '', all = '', unreached = ''] = /^(\d+) of (\d+) that ended have succeeded, (\d+) in all(?:; (\d+) not reached)?$/.exec(note) ?? [];
    if (succeeded !== '') return `${t('rollouts.judged.succeeded', { succeeded, ended, all })}${unreached === '' ? '' : t('rollouts.judged.unreached', { count: unreached })}`;
    const [, metric = '', missed = '', measured = '', compare = '', limit = ''] = /^(\w+): (\d+) of (\d+) devices miss (ratio|difference) (-?[\d.]+)$/.exec(note) ?? [];
    if (metric !== '' && te(`rollouts.metric.${metric}`)) return t('rollouts.judged.missed', { metric: metricText(metric), missed, measured, limit: boundText({ metric: metric as FleetGate['metric'], compare: compare as FleetGate['compare'] }, Number(limit)) });
    const [, unproven = '', some = '', needed = ''] = /^(\w+): (\d+) devices measured, (\d+) needed$/.exec(note) ?? [];
    if (unproven !== '') return t('rollouts.judged.unproven', { metric: metricText(unproven), measured: some, needed });
    const [, failed = '', executed = '', kinds = '', most = ''] = /^(\d+) of (\d+) ([a-z_ ]+), limit ([\d.]+) %$/.exec(note) ?? [];
    if (failed !== '') return t('rollouts.judged.failures', { failed, executed, kinds: kinds.split(' or ').map((kind) => (te(`rollouts.words.kind.${kind}`) ? t(`rollouts.words.kind.${kind}`) : kind)).join(t('rollouts.words.or')), limit: most });
    const [, parts = ''] = /^changed: ([a-z, ]+)$/.exec(note) ?? [];
    if (parts !== '') return t('rollouts.judged.changed', { parts: parts.split(', ').map((part) => (te(`rollouts.part.${part}`) ? t(`rollouts.part.${part}`) : part)).join(t('rollouts.words.and')) });
    return reasonText(note);
  }

  /** Why it waits; empty where it does not. */
  function pauseText({ pause }: Pick<RolloutRecord, 'pause'>, waves: readonly Pick<RolloutWave, 'kind'>[]): string {
    if (pause === null) return '';
    const reason = t(`rollouts.pause.${pause.reason}`);
    // What a person has written is left as it is.
    return pause.note === '' ? reason : t('rollouts.pause.withNote', { reason, note: pause.reason === 'person' ? pause.note : noteText(pause.note, waves) });
  }

  return { reasonText, noteText, pauseText };
}
