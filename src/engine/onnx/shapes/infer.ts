/**
 * Shape inference: one walk over the graph in topological order, a rule per operator. What a rule finds beats what the file
 * declares, because exporters and editors leave stale value_info behind; where no rule knows, the declaration is taken.
 * Nothing here throws on an odd model: what is not known stays unknown, and what contradicts itself becomes a note.
 */
import { describeNode } from '../attributes.ts';
import { capturedNames } from '../captured.ts';
import { opsetOf, type Dim, type GraphData, type Model, type NodeData, type Shape, type Tensor, type ValueInfo } from '../types.ts';
import { constantValue } from './constant.ts';
import { makeContext } from './context.ts';
import { DimAlgebra } from './dims.ts';
import { shapeRuleFor } from './registry.ts';
import { makeValue, type Value } from './rule.ts';

export interface ValueShape {
  /** A value of `DataType`; 0 unknown or not a tensor. */
  readonly elemType: number;
  /** Numbers, symbols such as `batch` or `floor((h + 1)/2)`, null where unknown; null as a whole: unknown rank. */
  readonly shape: Shape | null;
}

/** The shapes of one model as it was when they were inferred; edits of the graph are not seen. */
export interface ShapeMap {
  /** undefined where nothing at all is known of the value. */
  get(value: string): ValueShape | undefined;
  /** The elements of a small tensor whose elements follow from constants and shapes; null where they do not. */
  data(value: string): readonly Dim[] | null;
  /** The same map with numbers in place of symbols. Unnamed dimensions of inputs are bound by `input:axis`, for example `images:0`. */
  bind(symbols: ReadonlyMap<string, number>): ShapeMap;
  /** What contradicts itself in the model, in the order it was met. */
  readonly notes: readonly string[];
  /** Operators without a rule, `domain:op` where the domain is not the standard one. */
  readonly unknownOperators: readonly string[];
}

export interface InferShapesOptions {
  /**
   * Initializers that are also graph inputs are defaults that a caller may replace (IR 4 and later). true: take their
   * elements as constants all the same. Default false.
   */
  readonly assumeDefaults?: boolean;
  /** Do not read value_info and the shapes of graph outputs. Default false. */
  readonly ignoreDeclared?: boolean;
  /** Shapes of graph inputs that are to be taken instead of the declared ones. */
  readonly inputs?: ReadonlyMap<string, Shape>;
}

const MAX_SUBGRAPH_DEPTH = 16;
/** Nodes visited in subgraphs: bodies of nested loops are inferred several times each, which multiplies. */
const MAX_SUBGRAPH_VISITS = 200_000;
const MAX_NOTES = 50;

/** Infers element types and shapes of every value of the main graph. Never throws. */
export function inferShapes(model: Model, options: InferShapesOptions = {}): ShapeMap {
  const dims = new DimAlgebra();
  const inference = new Inference(model, dims, options);
  const values = inference.graph(model.graph, undefined, null, 0);
  return new InferredShapes(values, dims, inference.inputNames, new Map(), inference.notes, [...inference.unknown]);
}

/** Values of a graph, over those of the graphs around it. */
class Scope {
  readonly own = new Map<string, Value>();
  readonly tensors = new Map<string, Tensor>();
  readonly #outer: Scope | undefined;

  constructor(outer: Scope | undefined) {
    this.#outer = outer;
  }

  value(name: string): Value | undefined {
    return this.own.get(name) ?? this.#outer?.value(name);
  }

  tensor(name: string): Tensor | undefined {
    return this.tensors.get(name) ?? (this.own.has(name) ? undefined : this.#outer?.tensor(name));
  }
}

class Inference {
  readonly notes: string[] = [];
  readonly unknown = new Set<string>();
  /** `input:axis` -> hidden symbol. */
  readonly inputNames = new Map<string, string>();
  readonly #model: Model;
  readonly #dims: DimAlgebra;
  readonly #options: InferShapesOptions;
  readonly #opsets = new Map<string, number>();
  #visits = 0;

  constructor(model: Model, dims: DimAlgebra, options: InferShapesOptions) {
    this.#model = model;
    this.#dims = dims;
    this.#options = options;
  }

  /** @param given values of the graph's inputs, for a subgraph */
  graph(graph: GraphData, outer: Scope | undefined, given: readonly Value[] | null, depth: number): Scope {
    const scope = new Scope(outer);
    const overridable = !outer && this.#model.irVersion >= 4 && this.#options.assumeDefaults !== true;
    const inputNames = new Set(graph.inputs.map((input) => input.name));
    for (const [name, tensor] of graph.initializers) {
      if (overridable && inputNames.has(name)) continue;
      scope.own.set(name, constantValue(tensor));
      scope.tensors.set(name, tensor);
    }
    graph.inputs.forEach((input, index) => {
      if (!scope.own.has(input.name)) scope.own.set(input.name, this.#inputValue(input, given?.[index], outer === undefined));
    });
    const declared = new Map(graph.valueInfo);
    if (this.#options.ignoreDeclared !== true) for (const output of graph.outputs) declared.set(output.name, output);
    else declared.clear();
    for (const node of inOrder(graph.nodes)) this.#node(node, scope, declared, depth);
    return scope;
  }

  #inputValue(input: ValueInfo, given: Value | undefined, named: boolean): Value {
    if (given) {
      return { ...given, elemType: given.elemType || input.elemType, shape: given.shape ?? (named ? input.shape : null) };
    }
    const shape = this.#options.inputs?.get(input.name) ?? input.shape;
    const known = shape?.map((dim, axis) => {
      if (typeof dim === 'number') return dim >= 0 ? dim : this.#hidden(input.name, axis);
      return dim === null || dim === '' ? this.#hidden(input.name, axis) : dim;
    });
    return makeValue(input.elemType, known ?? null);
  }

  #hidden(name: string, axis: number): string {
    const symbol = this.#dims.hiddenSymbol();
    this.inputNames.set(`${name}:${axis}`, symbol);
    return symbol;
  }

  #node(node: NodeData, scope: Scope, declared: ReadonlyMap<string, ValueInfo>, depth: number): void {
    const rule = shapeRuleFor(node.domain, node.opType);
    if (!rule) this.unknown.add(node.domain === '' ? node.opType : `${node.domain}:${node.opType}`);
    const note = (message: string): void => this.#note(`${describeNode(node)}: ${message}`);
    let found: readonly (Value | null | undefined)[] | null = null;
    if (rule) {
      const context = makeContext({
        node,
        opset: this.#opset(node.domain),
        dims: this.#dims,
        value: (name) => scope.value(name),
        tensor: (name) => scope.tensor(name),
        note,
        subgraph: (graph, inputs) => {
          this.#visits += graph.nodes.length;
          if (depth >= MAX_SUBGRAPH_DEPTH || this.#visits > MAX_SUBGRAPH_VISITS) return null;
          const inner = this.graph(graph, scope, inputs, depth + 1);
          return graph.outputs.map((output) => inner.value(output.name) ?? null);
        },
      });
      try {
        found = rule.infer(context);
      } catch (error) {
        note(error instanceof Error ? error.message : String(error));
      }
    }
    node.outputs.forEach((name, index) => {
      if (name === '') return;
      const value = this.#merge(found?.[index] ?? null, declared.get(name), node, name);
      if (value) scope.own.set(name, value);
    });
    const tensor = node.opType === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined;
    if (tensor?.kind === 'tensor' && node.outputs[0]) scope.tensors.set(node.outputs[0], tensor.value);
    if (node.opType === 'Identity' && node.domain === '' && node.outputs[0]) {
      const source = scope.tensor(node.inputs[0] ?? '');
      if (source) scope.tensors.set(node.outputs[0], source);
    }
  }

  /** The inferred value, its gaps filled from the declaration where the two agree. */
  #merge(found: Value | null, declared: ValueInfo | undefined, node: NodeData, name: string): Value | null {
    const value = found && this.#sane(found, node, name);
    if (!declared) return value;
    if (!value) return makeValue(declared.elemType, declaredShape(declared.shape));
    const elemType = value.elemType || declared.elemType;
    if (value.elemType !== 0 && declared.elemType !== 0 && value.elemType !== declared.elemType) {
      this.#note(`${describeNode(node)}: "${name}" is declared with element type ${declared.elemType} but is ${value.elemType}`);
    }
    const outer = declaredShape(declared.shape);
    if (value.shape === null) return makeValue(elemType, outer, value.data);
    if (outer === null) return { ...value, elemType };
    const contradicts =
      outer.length !== value.shape.length ||
      outer.some((dim, i) => typeof dim === 'number' && typeof value.shape?.[i] === 'number' && dim !== value.shape[i]);
    if (contradicts) {
      this.#note(`${describeNode(node)}: "${name}" is declared as ${show(outer)} but its inputs make it ${show(value.shape)}`);
      return { ...value, elemType };
    }
    return makeValue(elemType, value.shape.map((dim, i) => (dim === null ? (outer[i] ?? null) : dim)), value.data);
  }

  /** A size below zero says that the model is wrong, not that the tensor has one. */
  #sane(value: Value, node: NodeData, name: string): Value {
    const bad = value.shape?.some((dim) => typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0));
    if (!bad || !value.shape) return value;
    this.#note(`${describeNode(node)}: "${name}" would have the size ${show(value.shape)}`);
    return makeValue(value.elemType, value.shape.map((dim) => (typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0) ? null : dim)));
  }

  #opset(domain: string): number {
    let version = this.#opsets.get(domain);
    if (version === undefined) this.#opsets.set(domain, (version = opsetOf(this.#model, domain) || 1));
    return version;
  }

  #note(message: string): void {
    // Hidden symbols mean nothing to a reader.
    // oxlint-disable-next-line no-control-regex
    if (this.notes.length < MAX_NOTES) this.notes.push(message.replaceAll(/\u0002\d+/g, '?'));
  }
}

class InferredShapes implements ShapeMap {
  readonly notes: readonly string[];
  readonly unknownOperators: readonly string[];
  readonly #scope: Scope;
  readonly #dims: DimAlgebra;
  readonly #inputNames: ReadonlyMap<string, string>;
  readonly #bindings: ReadonlyMap<string, number>;

  constructor(
    scope: Scope,
    dims: DimAlgebra,
    inputNames: ReadonlyMap<string, string>,
    bindings: ReadonlyMap<string, number>,
    notes: readonly string[],
    unknownOperators: readonly string[],
  ) {
    this.#scope = scope;
    this.#dims = dims;
    this.#inputNames = inputNames;
    this.#bindings = bindings;
    this.notes = notes;
    this.unknownOperators = unknownOperators;
  }

  get(value: string): ValueShape | undefined {
    const known = this.#scope.value(value);
    if (!known || (known.elemType === 0 && known.shape === null)) return undefined;
    return { elemType: known.elemType, shape: known.shape?.map((dim) => this.#outside(dim)) ?? null };
  }

  data(value: string): readonly Dim[] | null {
    return this.#scope.value(value)?.data?.map((dim) => this.#outside(dim)) ?? null;
  }

  bind(symbols: ReadonlyMap<string, number>): ShapeMap {
    const bindings = new Map(this.#bindings);
    for (const [name, size] of symbols) bindings.set(this.#inputNames.get(name) ?? name, size);
    return new InferredShapes(this.#scope, this.#dims, this.#inputNames, bindings, this.notes, this.unknownOperators);
  }

  #outside(dim: Dim): Dim {
    return this.#dims.visible(this.#bindings.size > 0 ? this.#dims.substitute(dim, this.#bindings) : dim);
  }
}

function declaredShape(shape: Shape | null): Shape | null {
  return shape?.map((dim) => (dim === '' || (typeof dim === 'number' && dim < 0) ? null : dim)) ?? null;
}

function show(shape: Shape): string {
  return `[${shape.map((dim) => dim ?? '?').join(', ')}]`;
}

/** The nodes as they stand where that is topological, else sorted; nodes on a cycle come last. */
function inOrder(nodes: readonly NodeData[]): readonly NodeData[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, position) => {
    for (const output of node.outputs) if (output !== '') producer.set(output, position);
  });
  const reads = (node: NodeData): number[] => {
    const sources = new Set<number>();
    for (const name of [...node.inputs, ...capturedNames(node)]) {
      const source = producer.get(name);
      if (source !== undefined) sources.add(source);
    }
    return [...sources];
  };
  const needs = nodes.map(reads);
  if (needs.every((sources, position) => sources.every((source) => source < position))) return nodes;
  const readers = new Map<number, number[]>();
  needs.forEach((sources, position) => {
    for (const source of sources) readers.set(source, [...(readers.get(source) ?? []), position]);
  });
  const waiting = needs.map((sources) => sources.length);
  const queue = waiting.flatMap((count, position) => (count === 0 ? [position] : []));
  const done = new Set<number>();
  for (let next = 0; next < queue.length; next++) {
    const position = queue[next] as number;
    done.add(position);
    for (const reader of readers.get(position) ?? []) {
      const left = (waiting[reader] ?? 0) - 1;
      waiting[reader] = left;
      if (left === 0) queue.push(reader);
    }
  }
  const order = [...queue, ...[...nodes.keys()].filter((position) => !done.has(position))];
  return order.map((position) => nodes[position] as NodeData);
}
