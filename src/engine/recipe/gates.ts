/** Whether the result keeps the limits that the recipe set. What was not measured is not kept. */
import type { Recipe, RecipeGate } from '../../contract/records/recipe.ts';
import type { GateResult, OptimizeReport } from '../../contract/records/report.ts';
import type { Int8StepOptions } from '../quantize/int8-step.ts';

/**
 * What a search for layers to keep in float has to meet: its own goals, and the recipe's gates on answers where it has none of its own. The
 * search asks samples of the calibration; whether a gate is met in the end is measured on others.
 */
export function withGates<T extends Pick<Int8StepOptions, 'keepFloat'>>(options: T, gates: Recipe['gates'] = []): T {
  if (!options.keepFloat) return options;
  const asked = gates.flatMap(({ metric, op, value }) => {
    const isGoal = metric === 'top1Drop' ? op === '<=' : (metric === 'top1Agreement' || metric === 'cosine') && op === '>=';
    return isGoal ? [[metric, Math.min(1, Math.max(0, value))] as const] : [];
  });
  return { ...options, keepFloat: { ...Object.fromEntries(asked), ...options.keepFloat } };
}

type Measured = Pick<OptimizeReport, 'accuracy' | 'fidelity' | 'latency' | 'output'>;

export function evaluateGates(recipe: Recipe, measured: Measured): GateResult[] {
  return (recipe.gates ?? []).map(({ metric, op, value: limit }) => {
    const value = measure(metric, measured);
    return { metric, op, value: limit, measured: value, met: value !== null && (op === '<=' ? value <= limit : value >= limit) };
  });
}

function measure(metric: RecipeGate['metric'], { accuracy, fidelity, latency, output }: Measured): number | null {
  switch (metric) {
    case 'top1Drop':
      return accuracy?.topOneDrop.mean ?? null;
    case 'top1Agreement':
      return fidelity?.top1Agreement ?? null;
    case 'cosine':
      return fidelity?.cosine ?? null;
    case 'latencyP95Ms':
      return latency?.afterMs.p95 ?? null;
    case 'speedup':
      return latency?.ratio ?? null;
    case 'bytes':
      return output.bytes;
  }
}
