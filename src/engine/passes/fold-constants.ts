/**
 * fold-constants
 *
 * before: y = Op(c1, c2, ...) with constants only; or y whose elements follow from shapes (Shape of a static shape, and what is
 *         computed from it)
 * after:  initializer y
 * when:   Op is deterministic, standard, without subgraphs; y is no string. Where y is a graph output, an Identity keeps its name.
 *         Bytes are bounded: y may exceed the inputs that die with it by `maxGrowthBytes` at most, so neither an expansion
 *         (ConstantOfShape, Expand, Tile) nor a second copy of a weight read elsewhere bloats the file.
 *         DequantizeLinear and a Cast to a wider float are left: they are how a compressed weight is stored.
 * why it is exact: movement copies bytes; integer arithmetic wraps as the runtime's; float arithmetic is one IEEE operation; the
 *         rest is computed by the runtime itself, through the port `evaluate`, in one model of all such nodes.
 */
import { z } from 'zod';
import { throwIfAborted, toEdgewiseError } from '../../base/errors.ts';
import type { TensorValue } from '../../base/ports.ts';
import { intAttribute } from '../onnx/attributes.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { bitsPerElement, byteLength, renameTensor } from '../onnx/tensor.ts';
import { DataType, type GraphData, type NodeData, type Tensor, type ValueInfo } from '../onnx/types.ts';
import { definePass, type PassContext } from './define-pass.ts';
import { evaluateNode, integerTensor, MOVEMENT, sizeOf } from './support/evaluate.ts';
import { hasSubgraph, isDeterministic } from './support/match.ts';
import { tensorOfValue } from './support/tensor-values.ts';

const options = z.strictObject({
  maxGrowthBytes: z.number().int().min(0).default(65_536).describe('bytes by which one result may exceed what it replaces'),
  maxTotalBytes: z.number().int().min(0).default(268_435_456).describe('bytes of everything that the runtime may compute'),
});

/** Kept as they are: quantized weights, and operators whose results are not plain tensors. */
const KEPT = new Set([
  'DequantizeLinear', 'QuantizeLinear', 'DynamicQuantizeLinear', 'Constant', 'SequenceConstruct', 'SequenceEmpty', 'SequenceInsert', 'SequenceErase', 'SequenceAt',
  'SequenceLength', 'SplitToSequence', 'ConcatFromSequence', 'Optional', 'OptionalGetElement', 'OptionalHasElement', 'StringNormalizer', 'TfIdfVectorizer',
]);

export const foldConstants = definePass({
  name: 'fold-constants',
  family: 'folding',
  summary: 'Computes what depends on constants and static shapes only.',
  options,
  async run(graph, context, limits) {
    const notes: string[] = [];
    const fold = new Folding(graph, context, limits.maxGrowthBytes);
    const shapes = fold.foldShapes();
    const computed = fold.foldOwn();
    let evaluated = 0;
    const { evaluate } = context;
    if (evaluate) {
      throwIfAborted(context.signal);
      const plan = fold.planRuntime(limits.maxTotalBytes);
      if (plan) {
        try {
          evaluated = fold.take(await evaluate(context.modelOf(plan.graph)), plan.values);
        } catch (thrown) {
          const error = toEdgewiseError(thrown);
          if (error.code === 'CANCELLED') throw error;
          notes.push(`The runtime did not compute ${plan.graph.nodes.length} constant nodes: ${error.message}`);
        }
      }
    }
    const stats: Record<string, number> = {};
    if (shapes > 0) stats['shapes'] = shapes;
    if (computed > 0) stats['folded'] = computed;
    if (evaluated > 0) stats['evaluated'] = evaluated;
    return { changed: shapes + computed + evaluated, stats, notes };
  },
});

interface RuntimePlan {
  readonly graph: GraphData;
  /** Values to take from the result. */
  readonly values: readonly string[];
}

class Folding {
  readonly #graph: Graph;
  readonly #context: PassContext;
  readonly #maxGrowth: number;

  constructor(graph: Graph, context: PassContext, maxGrowth: number) {
    this.#graph = graph;
    this.#context = context;
    this.#maxGrowth = maxGrowth;
  }

  /** Integer values that shape inference knows element by element. */
  foldShapes(): number {
    const { shapes } = this.#context;
    let count = 0;
    for (const node of this.#graph.sorted()) {
      const output = node.outputs[0] ?? '';
      if (node.outputs.length !== 1 || output === '' || !this.#foldable(node) || node.opType === 'Identity') continue;
      const known = shapes.get(output);
      const data = shapes.data(output);
      if (!known?.shape || !data || !data.every((value) => typeof value === 'number' && Number.isSafeInteger(value))) continue;
      const dims = known.shape.filter((dim) => typeof dim === 'number');
      const values = data.filter((value) => typeof value === 'number');
      if (dims.length !== known.shape.length || (known.elemType === DataType.INT32 && !values.every((value) => Math.abs(value) < 2 ** 31))) continue;
      const tensor = integerTensor(output, known.elemType, dims, values);
      if (!tensor) continue;
      this.#replace(node, tensor);
      count++;
    }
    return count;
  }

  /** What this engine computes itself. */
  foldOwn(): number {
    let count = 0;
    for (const node of this.#graph.sorted()) {
      const output = node.outputs[0] ?? '';
      const inputs = this.#constants(node);
      if (!inputs || output === '' || node.outputs.length !== 1 || !this.#foldable(node) || !this.#worthReading(node, inputs)) continue;
      const tensor = evaluateNode(node, inputs, this.#context.opset);
      if (!tensor || sizeOf(tensor) - this.#freed(node) > this.#maxGrowth) continue;
      if (node.opType === 'Identity' && this.#graph.isOutput(output)) continue;
      this.#replace(node, renameTensor(tensor, output));
      count++;
    }
    return count;
  }

  /** The constant nodes that are left, as a model without inputs; null where there are none. */
  planRuntime(maxTotalBytes: number): RuntimePlan | null {
    const graph = this.#graph;
    const chosen = new Set<Node>();
    const inside = new Set<string>();
    let total = 0;
    for (const node of graph.sorted()) {
      if (!this.#foldable(node) || node.opType === 'Identity' || node.inputs.length === 0) continue;
      const known = node.inputs.every((input) => input === '' || inside.has(input) || graph.constant(input)?.payload.kind === 'raw' || graph.constant(input)?.payload.kind === 'varints');
      const bytes = known ? this.#bytesOfOutputs(node) : null;
      if (bytes === null || total + bytes > maxTotalBytes) continue;
      total += bytes;
      chosen.add(node);
      for (const output of node.outputs) inside.add(output);
    }
    const isFrontier = (value: string): boolean => value !== '' && (graph.isOutput(value) || graph.uses(value).some((use) => !chosen.has(use.node)));
    const values: string[] = [];
    for (const node of [...chosen].reverse()) {
      const frontier = node.outputs.filter(isFrontier);
      const size = (this.#bytesOfOutputs(node) ?? 0) - this.#freedAbove(node, chosen);
      if (frontier.length > 0 && size <= this.#maxGrowth) values.push(...frontier);
      else if (frontier.length > 0) chosen.delete(node);
    }
    if (values.length === 0) return null;
    return this.#planOf(values);
  }

  /** Puts the runtime's results in place of the nodes that made them. */
  take(results: Readonly<Record<string, TensorValue>>, values: readonly string[]): number {
    let count = 0;
    const taken = new Map<Node, Map<string, Tensor>>();
    for (const value of values) {
      const node = this.#graph.producer(value);
      const result = results[value];
      const tensor = result && tensorOfValue(value, result);
      if (!node || !tensor) continue;
      const ofNode = taken.get(node) ?? new Map<string, Tensor>();
      taken.set(node, ofNode.set(value, tensor));
    }
    for (const [node, tensors] of taken) {
      const isNeeded = (output: string): boolean => output !== '' && (this.#graph.isOutput(output) || this.#graph.uses(output).length > 0);
      if (!node.outputs.every((output) => tensors.has(output) || !isNeeded(output))) continue;
      this.#graph.removeNode(node);
      for (const tensor of tensors.values()) this.#define(tensor);
      count++;
    }
    return count;
  }

  #planOf(values: readonly string[]): RuntimePlan {
    const graph = this.#graph;
    const nodes = new Set<Node>();
    const initializers = new Map<string, Tensor>();
    const visit = (value: string): void => {
      const tensor = graph.constant(value);
      if (tensor) initializers.set(value, tensor);
      const node = graph.producer(value);
      if (!node || nodes.has(node)) return;
      for (const input of node.inputs) visit(input);
      nodes.add(node);
    };
    for (const value of values) visit(value);
    const outputs = values.map((name): ValueInfo => ({ name, elemType: this.#context.shapes.get(name)?.elemType ?? 0, shape: this.#context.shapes.get(name)?.shape ?? null }));
    const data: GraphData = {
      name: 'constants', docString: '', inputs: [], outputs, initializers, valueInfo: new Map(), rest: [],
      // Read only: the model is encoded and run, never edited.
      nodes: [...nodes] as NodeData[],
    };
    return { graph: data, values };
  }

  #foldable(node: Node): boolean {
    if (!isDeterministic(node) || hasSubgraph(node) || KEPT.has(node.opType)) return false;
    if (node.opType !== 'Cast') return true;
    const from = this.#context.shapes.get(node.inputs[0] ?? '')?.elemType ?? this.#graph.constant(node.inputs[0] ?? '')?.dataType ?? 0;
    const to = intAttribute(node, 'to', 0);
    return !(FLOATS.has(from) && FLOATS.has(to) && bitsPerElement(to) > bitsPerElement(from));
  }

  /** The constant inputs, undefined where one is left out; null where one is no constant. */
  #constants(node: Node): (Tensor | undefined)[] | null {
    const tensors = node.inputs.map((input) => (input === '' ? undefined : this.#graph.constant(input)));
    return node.inputs.every((input, i) => input === '' || tensors[i]) && node.inputs.length > 0 ? tensors : null;
  }

  /** A movement's result is as large as its inputs; nothing is copied where it would not be taken. */
  #worthReading(node: Node, inputs: readonly (Tensor | undefined)[]): boolean {
    if (!MOVEMENT.has(node.opType)) return true;
    const size = node.opType === 'Slice' ? 0 : inputs.reduce((sum, tensor) => sum + (tensor ? sizeOf(tensor) : 0), 0);
    return size - this.#freed(node) <= this.#maxGrowth;
  }

  /** Bytes of the constants that only this node reads. */
  #freed(node: Node): number {
    return [...new Set(node.inputs)].reduce((sum, input) => {
      const tensor = this.#graph.constant(input);
      const isOnlyHere = tensor && !this.#graph.isOutput(input) && this.#graph.uses(input).every((use) => use.node === node);
      return sum + (isOnlyHere ? sizeOf(tensor) : 0);
    }, 0);
  }

  /** Bytes of the constants that die when the node and what leads to it are replaced by its result. */
  #freedAbove(node: Node, chosen: ReadonlySet<Node>): number {
    const above = new Set<Node>([node]);
    const queue = [node];
    for (let next = queue.pop(); next; next = queue.pop()) {
      for (const input of next.inputs) {
        const producer = this.#graph.producer(input);
        if (producer && chosen.has(producer) && !above.has(producer) && this.#graph.uses(input).every((use) => above.has(use.node))) {
          above.add(producer);
          queue.push(producer);
        }
      }
    }
    const sources = new Set([...above].flatMap((each) => each.inputs));
    return [...sources].reduce((sum, input) => {
      const tensor = this.#graph.constant(input);
      return sum + (tensor && this.#graph.uses(input).every((use) => above.has(use.node)) ? sizeOf(tensor) : 0);
    }, 0);
  }

  /** null where one has no static shape or is no number. */
  #bytesOfOutputs(node: Node): number | null {
    let sum = 0;
    for (const output of node.outputs) {
      if (output === '') continue;
      const known = this.#context.shapes.get(output);
      const dims = known?.shape?.filter((dim) => typeof dim === 'number');
      if (!known || !dims || dims.length !== known.shape?.length || bitsPerElement(known.elemType) < 8) return null;
      sum += byteLength(known.elemType, dims);
    }
    return sum;
  }

  #replace(node: Node, tensor: Tensor): void {
    this.#graph.removeNode(node);
    this.#define(tensor);
  }

  /** Makes a constant of what a node made before. A graph output stays the output of a node, for runtimes that want one there. */
  #define(tensor: Tensor): void {
    if (!this.#graph.isOutput(tensor.name)) {
      this.#graph.setInitializer(tensor);
      return;
    }
    const { encoded: _encoded, ...rest } = tensor;
    const source = this.#graph.addInitializer({ ...rest, name: `${tensor.name}_constant` });
    this.#graph.addNode({ opType: 'Identity', name: this.#graph.uniqueName(`${tensor.name}_identity`), inputs: [source], outputs: [tensor.name] });
  }
}

const FLOATS: ReadonlySet<number> = new Set([
  DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16, DataType.FLOAT8E4M3FN, DataType.FLOAT8E4M3FNUZ, DataType.FLOAT8E5M2, DataType.FLOAT8E5M2FNUZ,
]);
