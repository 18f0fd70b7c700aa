/** Energy in a line or two: the figure, how sure, by what it was measured. */
import type { EnergyBench, EnergyComparison, EnergyFigure, EnergySide } from '../base/energy.ts';
import { joulesText } from './io.ts';

export function energyComparisonText(energy: EnergyComparison): string {
  if (!energy.measured) return notMeasured(energy.reason);
  const { before, after, ratio } = energy;
  const pair = (of: (side: EnergySide) => EnergyFigure | null, figure: EnergyFigure | null): string => {
    const [a, b] = [of(before), of(after)];
    if (a === null || b === null) return 'unknown, as the idle power is';
    const change = figure === null ? 'no ratio, since it does not rise above idle' : `${figure.value.toFixed(2)}x, 95 % interval ${figure.ci95[0].toFixed(2)} to ${figure.ci95[1].toFixed(2)}${figure.ci95[0] <= 1 && figure.ci95[1] >= 1 ? ': no proven difference' : ''}`;
    return `${joulesText(a.value)} and ${joulesText(b.value)}  (${change})`;
  };
  return [
    `energy     ${pair(({ totalJ }) => totalJ, ratio.total)} per inference`,
    `           above idle ${pair(({ aboveIdleJ }) => aboveIdleJ, ratio.aboveIdle)}`,
    `           ${basisText(energy)}`,
  ].join('\n');
}

export function energyBenchText(energy: EnergyBench): string {
  if (!energy.measured) return notMeasured(energy.reason);
  const { totalJ, aboveIdleJ } = energy.model;
  return [`energy     ${figureText(totalJ)} per inference${aboveIdleJ === null ? '' : `, ${figureText(aboveIdleJ)} above idle`}`, `           ${basisText(energy)}`].join('\n');
}

function figureText({ value, ci95: [low, high] }: EnergyFigure): string {
  return `${joulesText(value)} (95 % interval ${joulesText(low)} to ${joulesText(high)})`;
}

function basisText({ tier, source, idleW, idleFrom, groups, stretchSeconds }: Extract<EnergyBench | EnergyComparison, { measured: true }>): string {
  const idle = idleW === null ? '' : `, idle ${Number(idleW.toPrecision(3))} W ${idleFrom ?? ''}`;
  return `${source.startsWith(tier) ? source : `${tier}, ${source}`}${idle}; ${groups} repetitions of stretches of ${Number(stretchSeconds.toPrecision(2))} s`;
}

function notMeasured(reason: string): string {
  return `energy     not measured: ${reason}`;
}
