/** What is known of a unit beside its place: its share of the cost, its error, its sensitivity, and the steps that touched it. */
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';
import type { OptimizeReport, ReportStep } from '../../../../src/contract/records/report.ts';
import { namesOf, nodesNamed, type NameIndex } from './names.ts';

export type LayerError = NonNullable<OptimizeReport['layers']>[number];

export interface Cost {
  /** null: unknown for one of the nodes. */
  readonly macs: number | null;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly activationBytes: number | null;
}

export function costOf(graph: ModelGraph, nodes: readonly number[]): Cost {
  let [macs, activation]: [number | null, number | null] = [0, 0];
  let [parameters, weightBytes] = [0, 0];
  for (const index of nodes) {
    const node = graph.nodes[index];
    if (!node) continue;
    macs = macs === null || node.macs === null ? null : macs + node.macs;
    activation = activation === null || node.activationBytes === null ? null : activation + node.activationBytes;
    parameters += node.parameters;
    weightBytes += node.weightBytes;
  }
  return { macs, parameters, weightBytes, activationBytes: activation };
}

export function totalMacs(graph: ModelGraph): number {
  return graph.nodes.reduce((sum, { macs }) => sum + (macs ?? 0), 0);
}

/** By unit: its position in the report's layers; the last one where several of its values were measured. */
export function layersByUnit(graph: ModelGraph, index: NameIndex, layers: readonly LayerError[]): Map<number, number> {
  const found = new Map<number, number>();
  layers.forEach(({ node, value }, layer) => {
    const unit = graph.nodes[(index.get(value ?? node) ?? index.get(node))?.[0] ?? -1]?.unit;
    if (unit !== undefined) found.set(unit, layer);
  });
  return found;
}

/** Names that a step touched and that a graph may know: what it removed is in the one before, what it added in the one after. */
export function touchedNodes(step: ReportStep, index: NameIndex): number[] {
  return step.nodes ? nodesNamed(index, [...step.nodes.removed, ...step.nodes.changed, ...step.nodes.added]) : [];
}

/** Positions of the steps that touched any of these nodes. */
export function stepsTouching(graph: ModelGraph, nodes: readonly number[], steps: readonly ReportStep[]): number[] {
  const names = new Set(namesOf(graph, nodes));
  return steps.flatMap(({ nodes: touched }, step) => (touched && [touched.removed, touched.changed, touched.added].some((list) => list.some((name) => names.has(name))) ? [step] : []));
}
