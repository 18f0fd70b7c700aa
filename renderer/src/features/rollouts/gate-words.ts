/** Gates as people say them: limits and what was measured, each in the unit of its metric. */
import { useI18n } from 'vue-i18n';
import type { FleetGate } from '../../../../src/contract/records/rollout.ts';
import { useFormat } from '../../format/use-format.ts';

export type Metric = FleetGate['metric'];

export function useGateWords() {
  const { t } = useI18n();
  const format = useFormat();

  /** With a digit after the point where it says something. */
  const digitsOf = (value: number): number => (Number.isInteger(Math.round(value * 1e6) / 1e6) ? 0 : 1);

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
  function changeText({ metric, compare }: Pick<FleetGate, 'metric' | 'compare'>, value: number, digits = 1): string {
    if (compare === 'ratio') return `${format.points(value - 1, digits)}\u00A0%`;
    if (metric === 'accuracy') return t('rollouts.gate.points', { points: format.points(value, digits) }, digits === 0 && Math.abs(value) === 0.01 ? 1 : 2);
    return `${format.points(value / 100, digits)}\u00A0${{ latencyP95Ms: 'ms', powerW: 'W', temperatureC: '°C' }[metric]}`;
  }

  /** A limit that somebody has set. */
  function boundText(gate: Pick<FleetGate, 'metric' | 'compare'>, limit: number): string {
    const shown = gate.compare === 'ratio' ? (limit - 1) * 100 : gate.metric === 'accuracy' ? limit * 100 : limit;
    return changeText(gate, limit, digitsOf(shown));
  }

  /** The size of a limit, without a sign. */
  function sizeText(gate: Pick<FleetGate, 'metric' | 'compare'>, size: number): string {
    return boundText(gate, gate.compare === 'ratio' ? 1 + size : size).replace('+', '');
  }

  return {
    figureText,
    changeText,
    boundText,
    sizeText,
    limitText: (gate: FleetGate): string => `${gate.metric === 'accuracy' ? '≥' : '≤'} ${boundText(gate, gate.limit)}`,
  };
}
