/** Whether the result keeps the limits that the recipe set. What was not measured is not kept. */
import type { Recipe, RecipeGate } from '../../contract/records/recipe.ts';
import type { GateResult, OptimizeReport } from '../../contract/records/report.ts';

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
