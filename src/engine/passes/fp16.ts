/**
 * fp16
 *
 * before: a float32 network
 * after:  the same in float16, its inputs and outputs float32 still: Cast at the borders, once per value
 * when:   a node is converted unless its operator takes no float16 (`BLOCKED`, and what `block` names), it holds a subgraph, is no standard
 *         operator, one of its types is unknown, or one of its constants is beyond float16's range or would vanish in it (an
 *         epsilon of 1e-12 as divisor). Where such a node and a converted one meet there is a Cast. Quantized models are left alone.
 * not exact: every value is rounded to 11 bits. Activations above 65504 overflow; measure before you ship.
 */
import { z } from 'zod';
import { makeInt } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { DataType } from '../onnx/types.ts';
import { definePass, type PassContext } from './define-pass.ts';
import { fitsHalf } from './fp16-weights.ts';
import { hasSubgraph, isOp } from './support/match.ts';
import { makeFloats, readFloats } from './support/numbers.ts';

/** No float16 in the operator's schema, a float32-only input, or results that float16 cannot tell apart. */
const BLOCKED: ReadonlySet<string> = new Set([
  'Resize', 'Upsample', 'NonMaxSuppression', 'RoiAlign', 'CumSum', 'Range', 'RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Multinomial', 'Bernoulli',
  'EyeLike', 'Constant', 'ConstantOfShape', 'DFT', 'STFT', 'MelWeightMatrix', 'HannWindow', 'HammingWindow', 'BlackmanWindow', 'Det', 'ImageDecoder', 'TfIdfVectorizer',
  'DynamicQuantizeLinear', 'SequenceConstruct', 'SequenceAt', 'SequenceInsert', 'SplitToSequence', 'ConcatFromSequence', 'Optional', 'OptionalGetElement',
]);

export const fp16 = definePass({
  name: 'fp16',
  family: 'precision',
  summary: 'Computes in float16 where operators can; inputs and outputs stay float32.',
  once: true,
  options: z.strictObject({ block: z.array(z.string()).default([]).describe('operators or names of nodes that stay float32') }),
  run(graph, context, { block }) {
    if ([...graph.nodes].some((node) => isOp(node, 'QuantizeLinear', 'DequantizeLinear'))) {
      return { changed: 0, stats: {}, notes: ['The model is quantized; it stays as it is.'] };
    }
    const conversion = new Conversion(graph, context, new Set(block));
    return conversion.run();
  },
});

class Conversion {
  readonly #graph: Graph;
  readonly #context: PassContext;
  readonly #block: ReadonlySet<string>;
  /** float32 value -> its float16 version. */
  readonly #half = new Map<string, string>();
  #casts = 0;
  #weights = 0;

  constructor(graph: Graph, context: PassContext, block: ReadonlySet<string>) {
    this.#graph = graph;
    this.#context = context;
    this.#block = block;
  }

  run() {
    const graph = this.#graph;
    const converted = graph.sorted().filter((node) => this.#converts(node));
    const made = converted.flatMap((node) => node.outputs.filter((output) => this.#isFloat(output)));
    for (const value of made) this.#half.set(value, graph.uniqueName(`${value}_fp16`));
    for (const node of converted) {
      node.inputs.forEach((input, index) => {
        if (this.#isFloat(input)) graph.setInput(node, index, this.#halfOf(input));
      });
      if (isOp(node, 'Cast') && this.#isFloat(node.outputs[0] ?? '')) graph.setAttribute(node, 'to', makeInt(DataType.FLOAT16));
      node.outputs.forEach((output, index) => {
        if (this.#isFloat(output)) graph.setOutput(node, index, this.#half.get(output) ?? output);
      });
    }
    // Whoever still reads the float32 value, or the caller, gets it back.
    for (const value of made) {
      if (graph.isOutput(value) || graph.uses(value).length > 0) this.#cast(this.#half.get(value) ?? '', value, DataType.FLOAT);
      else graph.removeValueInfo(value);
    }
    const kept = [...graph.nodes].filter((node) => !converted.includes(node) && node.outputs.some((output) => this.#isFloat(output)) && !isOp(node, 'Cast'));
    const notes = kept.length > 0 && converted.length > 0 ? [`${kept.length} nodes stay float32: ${[...new Set(kept.map((node) => node.opType))].join(', ')}.`] : [];
    const stats: Record<string, number> = converted.length > 0 ? { nodes: converted.length, weights: this.#weights, casts: this.#casts } : {};
    return { changed: converted.length, stats, notes };
  }

  #typeOf(value: string): number {
    return this.#graph.initializers.get(value)?.dataType ?? this.#context.shapes.get(value)?.elemType ?? 0;
  }

  #isFloat(value: string): boolean {
    return value !== '' && this.#typeOf(value) === DataType.FLOAT;
  }

  #converts(node: Node): boolean {
    const values = [...node.inputs, ...node.outputs].filter((value) => value !== '');
    if (node.domain !== '' || BLOCKED.has(node.opType) || this.#block.has(node.opType) || this.#block.has(node.name) || hasSubgraph(node)) return false;
    if (!values.some((value) => this.#isFloat(value)) || values.some((value) => this.#typeOf(value) === 0)) return false;
    // The statistics of a layer normalization stay float32 by its schema.
    if (isOp(node, 'LayerNormalization') && node.outputs.slice(1).some((output) => output !== '')) return false;
    return node.inputs.every((input) => this.#constantFits(input));
  }

  #constantFits(value: string): boolean {
    const tensor = this.#graph.initializers.get(value);
    if (tensor?.dataType !== DataType.FLOAT) return true;
    if (this.#graph.isInput(value)) return false;
    const values = readFloats(tensor);
    if (!values || !fitsHalf(values)) return false;
    // A weight that vanishes is rounded away with the others; a constant of a few numbers may be an epsilon.
    return values.length > 16 || values.every((element) => element === 0 || Math.abs(element) >= 2 ** -24);
  }

  #halfOf(value: string): string {
    const known = this.#half.get(value);
    if (known !== undefined) return known;
    const tensor = this.#graph.constant(value);
    const values = tensor && readFloats(tensor);
    let name: string;
    if (tensor && values) {
      name = this.#graph.addInitializer(makeFloats(`${value}_fp16`, DataType.FLOAT16, tensor.dims, values));
      this.#weights++;
    } else {
      name = this.#graph.uniqueName(`${value}_fp16`);
      this.#cast(value, name, DataType.FLOAT16);
    }
    this.#half.set(value, name);
    return name;
  }

  #cast(from: string, to: string, dataType: number): void {
    this.#graph.addNode({ opType: 'Cast', name: this.#graph.uniqueName(`${to}_cast`), inputs: [from], outputs: [to], attributes: { to: makeInt(dataType) } });
    this.#casts++;
  }
}
