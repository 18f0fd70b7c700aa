/**
 * drop-initializer-inputs
 *
 * before: a weight that is listed as a graph input too
 * after:  an initializer only, hence a constant that later passes may fold
 * when:   IR 3: always, since there such an input cannot be overridden; the model becomes IR 4.
 *         IR 4 and later: the initializer is the default of an input that a caller may replace. It is dropped where every
 *         reader takes it as a weight (filter, bias, statistics), or where all initializers are inputs, which is an exporter's
 *         habit (`keep_initializers_as_inputs`) and no interface. A note says so. `overridable: "keep"` leaves them, "drop" drops all.
 * why it is exact: outputs are the same for every call that does not feed the dropped input.
 */
import { z } from 'zod';
import type { Graph } from '../onnx/graph.ts';
import { definePass } from './define-pass.ts';

/** Operators with the inputs, from the given position on, that are parameters of the layer. */
const WEIGHTS_FROM: Readonly<Record<string, number>> = {
  Conv: 1, ConvTranspose: 1, Gemm: 1, MatMul: 1, BatchNormalization: 1, InstanceNormalization: 1, LayerNormalization: 1, PRelu: 1, LSTM: 1, GRU: 1, RNN: 1,
};

export const dropInitializerInputs = definePass({
  name: 'drop-initializer-inputs',
  family: 'cleanup',
  summary: 'Takes weights out of the list of graph inputs, so that they are constants.',
  options: z.strictObject({ overridable: z.enum(['weights', 'keep', 'drop']).default('weights').describe('what to do at IR 4 and later, where a caller may feed such an input') }),
  run(graph, context, options) {
    const both = graph.inputs.filter((input) => graph.initializers.has(input.name)).map((input) => input.name);
    if (both.length === 0) return { changed: 0, stats: {}, notes: [] };
    const all = context.ir < 4 || options.overridable === 'drop' || (both.length === graph.initializers.size && both.some((name) => isWeight(graph, name)));
    const dropped = new Set(context.ir >= 4 && options.overridable === 'keep' ? [] : both.filter((name) => all || isWeight(graph, name)));
    const notes: string[] = [];
    if (dropped.size > 0 && context.ir >= 4) notes.push(`${dropped.size} weights were inputs with a default that a caller could replace; they are constants now.`);
    if (dropped.size < both.length) notes.push(`${both.length - dropped.size} inputs with a default stay inputs, since a caller may replace them.`);
    if (dropped.size === 0) return { changed: 0, stats: {}, notes };
    graph.setInputInfo(graph.inputs.filter((input) => !dropped.has(input.name)));
    context.raiseIr(4);
    return { changed: dropped.size, stats: { inputs: dropped.size }, notes };
  },
});

function isWeight(graph: Graph, name: string): boolean {
  const uses = graph.uses(name);
  return !graph.isOutput(name) && uses.length > 0 && uses.every(({ node, index }) => node.domain === '' && index >= (WEIGHTS_FROM[node.opType] ?? Number.POSITIVE_INFINITY));
}
