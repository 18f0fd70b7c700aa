/** Gates as people say them: limits and what was measured, each in the unit of its metric. */
import { useI18n } from 'vue-i18n';
import type { FleetGate } from '../../../../src/contract/records/rollout.ts';
import { useFormat } from '../../format/use-format.ts';

export type Metric = FleetGate['metric'];

export function useGateWords() {
  const { t } = useI18n();
  const format = useFormat();

  const signed = (value: number, digits: number): string => format.points(value / 100, digits);

  /** A figure of the metric as it is. */
  function figureText(metric: Metric, value: number): string {
    switch (metric) {
      case 'latencyP95Ms':
        return format.ms(value);
      case 'accuracy':
        return format.share(value);
      case 'powerW':
        return `${format.significant(value)}\u00A0W`;
      case 'temperatureC':
        return `${format.significant(value)}\u00A0°C`;
    }
  }

  /** A change against the baseline, as the gate compares it. */
  function changeText({ metric, compare }: Pick<FleetGate, 'metric' | 'compare'>, value: number): string {
    if (compare === 'ratio') return `${format.points(value - 1)}\u00A0%`;
    if (metric === 'accuracy') return t('rollouts.gate.points', { points: format.points(value) });
    return `${signed(value, 1)}\u00A0${{ latencyP95Ms: 'ms', powerW: 'W', temperatureC: '°C' }[metric]}`;
  }

  return {
    figureText,
    changeText,
    limitText: (gate: FleetGate): string => `${gate.metric === 'accuracy' ? '≥' : '≤'} ${changeText(gate, gate.limit)}`,
  };
}
