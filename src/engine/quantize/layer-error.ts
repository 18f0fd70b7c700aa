/**
 * How far each value of a quantized model is from the float model's, on real samples: signal to noise and cosine. Both models run as one
 * graph that takes the inputs once and gives three sums a value, so nothing large leaves the runtime.
 */
import { makeInt } from '../onnx/attributes.ts';
import { Graph } from '../onnx/graph.ts';
import type { Model } from '../onnx/types.ts';
import { findUnits } from '../passes/find-units.ts';
import { copyModel } from '../passes/pipeline.ts';
import { floatName, joinModels } from './joined-model.ts';
import { ProbeModel, type CalibrationContext } from './probe-model.ts';

export interface ValueError {
  readonly value: string;
  /** Node of the float model that makes it. */
  readonly node: string;
  readonly opType: string;
  /** 10 log10(sum a^2 / sum (a - b)^2); null where the two are equal. */
  readonly sqnrDb: number | null;
  readonly cosine: number;
}

/**
 * Errors of the values that stand under the same name in both models, in the order in which the float model makes them: those that are
 * rounded, the outputs of layers that are not, and the model's. A value's own rounding counts too.
 * @param float simplified, as the quantization got it
 */
export async function layerErrors(float: Model, quantized: Model, context: CalibrationContext): Promise<ValueError[]> {
  const values = comparableValues(float, quantized);
  if (values.length === 0) return [];
  const { model: joined, graph } = joinModels(float, quantized);
  const sums = values.map(({ value, restored, node, opType }) => {
    const reference = floatName(value);
    const make = (op: string, inputs: readonly string[]): string => {
      const output = graph.uniqueName(`error_${graph.nodeCount}`);
      graph.addNode({ opType: op, inputs, outputs: [output], attributes: op.startsWith('Reduce') ? { keepdims: makeInt(0) } : {} });
      return output;
    };
    return {
      value, node, opType,
      signal: make('ReduceSumSquare', [reference]),
      other: make('ReduceSumSquare', [restored]),
      noise: make('ReduceSumSquare', [make('Sub', [reference, restored])]),
    };
  });
  const probes = new ProbeModel({ ...joined, graph: graph.toData() });
  const keys = sums.map(({ signal, other, noise }) => [signal, other, noise].map((name) => probes.add(name, 'max')));
  const seen = await probes.observe(context, { optimization: 'basic' });
  return sums.map(({ value, node, opType }, index) => {
    const [signal = 0, other = 0, noise = 0] = (keys[index] ?? []).map((key) => seen[key]?.mean ?? Number.NaN);
    // |a - b|^2 = |a|^2 + |b|^2 - 2 ab
    const product = Math.sqrt(signal * other);
    const cosine = product > 0 ? (signal + other - noise) / (2 * product) : signal === other ? 1 : 0;
    return { value, node, opType, sqnrDb: noise === 0 ? null : 10 * Math.log10(signal / noise), cosine };
  });
}

interface Comparable {
  readonly value: string;
  /** The value in the quantized model after DequantizeLinear. */
  readonly restored: string;
  readonly node: string;
  readonly opType: string;
}

function comparableValues(float: Model, quantized: Model): Comparable[] {
  const quantizedBy = new Map<string, string>();
  const restoredBy = new Map<string, string>();
  const made = new Set<string>();
  for (const node of quantized.graph.nodes) {
    for (const output of node.outputs) made.add(output);
    if (node.opType === 'QuantizeLinear') quantizedBy.set(node.inputs[0] ?? '', node.outputs[0] ?? '');
    if (node.opType === 'DequantizeLinear') restoredBy.set(node.inputs[0] ?? '', node.outputs[0] ?? '');
  }
  const compared = new Set(float.graph.outputs.map((output) => output.name));
  // A layer left in float passes on the error of what it reads.
  for (const unit of findUnits(new Graph(copyModel(float).graph))) compared.add(unit.output);
  const result: Comparable[] = [];
  for (const node of float.graph.nodes) {
    for (const value of node.outputs) {
      const restored = restoredBy.get(quantizedBy.get(value) ?? '');
      if (value !== '' && (restored !== undefined || compared.has(value)) && made.has(value)) result.push({ value, restored: restored ?? value, node: node.name || value, opType: node.opType });
    }
  }
  return result;
}
