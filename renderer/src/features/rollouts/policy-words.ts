/** A policy in plain sentences: whom it touches, in which order, when, what stops it, and what becomes of a device that fails. */
import { useI18n } from 'vue-i18n';
import type { Schedule } from '../../../../src/contract/records/fleet.ts';
import type { FleetGate, RolloutPolicy, RolloutWave } from '../../../../src/contract/records/rollout.ts';
import { useFormat } from '../../format/use-format.ts';
import { useGateWords } from './gate-words.ts';

export interface WordedDraft {
  readonly artifact: string;
  readonly version: number;
  readonly filter: string;
  readonly policy: RolloutPolicy;
}

export interface WordedWave {
  readonly kind: RolloutWave['kind'];
  readonly devices: number;
}

export interface WordedSection {
  readonly id: 'whom' | 'order' | 'when' | 'stops' | 'device' | 'approval';
  readonly lines: readonly string[];
}

/** More waves than this are told by their first and their last. */
const TOLD_WAVES = 6;

export function usePolicyWords() {
  const { t, locale } = useI18n();
  const format = useFormat();
  const { sizeText } = useGateWords();
  const time = (ms: number): string => (ms >= 2 * 86_400_000 ? t('rollouts.words.days', { count: format.integer(ms / 86_400_000) }) : format.duration(ms / 1000));
  const percent = (share: number): string => format.share(share, Number.isInteger(Math.round(share * 10_000) / 100) ? 0 : 1);

  function dayName(day: number): string {
    // 2024-01-01 was a Monday.
    return new Intl.DateTimeFormat(locale.value, { weekday: 'short', timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, day)));
  }
  function days(all: readonly number[]): string {
    return all.length === 7 ? t('rollouts.words.everyDay') : all.map(dayName).join(' ');
  }
  function schedule(of: Schedule): string {
    if (of.kind === 'always') return t('rollouts.words.always');
    if (of.kind === 'closed_hours') return t('rollouts.words.closedHours');
    return t('rollouts.words.weekly', { spans: of.spans.map((span) => `${days(span.days)} ${span.from}–${span.to}`).join(', ') });
  }

  function gate(of: FleetGate): string {
    const metric = t(`rollouts.metric.${of.metric}`);
    // How much worse it may get; below nothing, it has to get better.
    const worse = (of.metric === 'accuracy' ? -1 : 1) * (of.compare === 'ratio' ? of.limit - 1 : of.limit);
    const change = sizeText(of, Math.abs(worse));
    const text = t(`rollouts.words.${worse < 0 ? 'gateBetter' : of.metric === 'accuracy' ? 'gateBelow' : 'gateAbove'}`, { metric, change });
    const samples = t('rollouts.words.samples', { count: format.integer(of.minSamples) }, of.minSamples);
    return t('rollouts.words.gateLine', { text, samples, must: of.required ? t('rollouts.words.required') : t('rollouts.words.optional') });
  }

  function order(waves: readonly WordedWave[], { policy }: WordedDraft): string[] {
    const [first, ...others] = waves;
    const rest = first?.kind === 'canary' ? others : waves;
    const sizes = rest.map(({ devices }) => format.integer(devices));
    const told = sizes.length > TOLD_WAVES ? [...sizes.slice(0, TOLD_WAVES - 2), '…', sizes.at(-1)] : sizes;
    const lines = [
      ...(first?.kind === 'canary' ? [t('rollouts.words.canary', { count: format.integer(first.devices) }, first.devices)] : [t('rollouts.words.noCanary')]),
      ...(rest.length > 1 ? [t('rollouts.words.waves', { count: format.integer(rest.length), sizes: told.join(', ') })] : rest[0] ? [t('rollouts.words.oneWave', { count: format.integer(rest[0].devices) }, rest[0].devices)] : []),
      t('rollouts.words.next', { share: percent(policy.success.atLeastShare), soak: time(policy.soakMs) }),
    ];
    const { ramp } = policy;
    if (ramp) lines.push(t('rollouts.words.ramp', { base: format.significant(ramp.basePerMinute), factor: format.significant(ramp.factor), every: format.integer(ramp.every), most: format.significant(ramp.maxPerMinute) }));
    return lines;
  }

  function when({ policy }: WordedDraft): string[] {
    return [
      policy.startAtMs === null ? t('rollouts.words.startNow') : t('rollouts.words.startAt', { time: format.instant(new Date(policy.startAtMs).toISOString()) }),
      t('rollouts.words.download', { when: schedule(policy.download) }),
      t('rollouts.words.update', { when: schedule(policy.update) }),
      ...(policy.jitterMs > 0 ? [t('rollouts.words.jitter', { time: time(policy.jitterMs) })] : []),
    ];
  }

  function stops({ policy }: WordedDraft): string[] {
    const kinds = (all: readonly string[]): string => [...new Set(all)].map((kind) => t(`rollouts.words.kind.${kind}`)).join(t('rollouts.words.or'));
    return [
      ...policy.gates.map(gate),
      ...(policy.gates.length === 0 ? [t('rollouts.words.noGates')] : [policy.waveGates.missedAtMostShare === 0 ? t('rollouts.words.noneMay', { count: format.integer(policy.waveGates.minDevices) }, policy.waveGates.minDevices) : t('rollouts.words.someMay', { share: percent(policy.waveGates.missedAtMostShare), count: format.integer(policy.waveGates.minDevices) }, policy.waveGates.minDevices)]),
      ...policy.failures.map((rule) => t('rollouts.words.failures', { share: percent(rule.aboveShare), kinds: kinds(rule.kinds), count: format.integer(rule.minExecuted), scope: t(`rollouts.words.scope.${rule.scope}`) }, rule.minExecuted)),
      t(`rollouts.words.outcome.${policy.onGateFailure}`),
    ];
  }

  return {
    schedule,
    /** @param devices all that it touches; @param stores null: not known */
    sections(draft: WordedDraft, waves: readonly WordedWave[], devices: number, stores: number | null): readonly WordedSection[] {
      const { policy } = draft;
      const { store, retries } = policy;
      const version = `${draft.artifact} ${draft.version}`;
      return [
        {
          id: 'whom',
          lines: [
            stores === null ? t('rollouts.words.whom', { version, devices: format.integer(devices) }, devices) : t('rollouts.words.whomIn', { version, devices: t('rollouts.words.devices', { count: format.integer(devices) }, devices), stores: t('rollouts.words.stores', { count: format.integer(stores) }, stores) }),
            draft.filter === '' ? t('rollouts.words.all') : t('rollouts.words.filter', { filter: draft.filter }),
            t(`rollouts.words.late.${policy.lateJoiners}`),
            store.minServing === 0 ? t('rollouts.words.noMinimum', { most: format.integer(store.maxAtOnce) }, store.maxAtOnce) : t('rollouts.words.minimum', { least: format.integer(store.minServing), most: format.integer(store.maxAtOnce) }),
            ...(store.minServing === 0 ? [] : [t(`rollouts.words.small.${store.smallStores}`)]),
          ],
        },
        { id: 'order', lines: order(waves, draft) },
        { id: 'when', lines: when(draft) },
        { id: 'stops', lines: stops(draft) },
        {
          id: 'device',
          lines: [
            policy.gates.length === 0 ? t('rollouts.words.swapFree') : t('rollouts.words.swap'),
            retries.max === 0 ? t('rollouts.words.noRetries') : t('rollouts.words.retries', { count: format.integer(retries.max), first: time(retries.baseMs), factor: format.significant(retries.factor), most: time(retries.maxMs) }, retries.max),
            t('rollouts.words.tail', { time: time(policy.tailMs) }),
          ],
        },
        { id: 'approval', lines: [t(`rollouts.words.approval.${policy.approval}`)] },
      ];
    },
  };
}
