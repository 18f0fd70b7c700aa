/**
 * A graph that passes edit. It keeps two indices, value -> producer and value -> uses, up to date on every edit, so that
 * finding a neighbour is a map lookup. Values read inside a subgraph (If, Loop, Scan) count as uses of the node that holds it.
 * The order of `nodes` is free while editing; `toData` sorts topologically and is stable for what was already sorted.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { describeNode } from './attributes.ts';
import { capturedNames, namesInSubgraphs, renameInSubgraphs } from './captured.ts';
import { RankHeap } from './rank-heap.ts';
import type { Attribute, GraphData, NodeData, Tensor, ValueInfo } from './types.ts';

/** A node in a graph: read freely, change through `Graph`. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** One place where a value is read. `index` is the input's position, or -1 where a subgraph of the node reads it. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

export interface NewNode {
  readonly opType: string;
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>> | ReadonlyMap<string, Attribute>;
}

export class Graph {
  readonly #data: GraphData;
  readonly #nodes = new Set<NodeData>();
  readonly #producers = new Map<string, NodeData>();
  readonly #uses = new Map<string, Map<NodeData, number[]>>();
  readonly #names = new Set<string>();

  /** Takes ownership of `data`. */
  constructor(data: GraphData) {
    this.#data = data;
    for (const value of [...data.inputs, ...data.outputs]) this.#names.add(value.name);
    for (const name of data.initializers.keys()) this.#names.add(name);
    for (const node of data.nodes) this.#attach(node);
  }

  get name(): string {
    return this.#data.name;
  }
  get inputs(): readonly ValueInfo[] {
    return this.#data.inputs;
  }
  get outputs(): readonly ValueInfo[] {
    return this.#data.outputs;
  }
  get initializers(): ReadonlyMap<string, Tensor> {
    return this.#data.initializers;
  }
  get valueInfo(): ReadonlyMap<string, ValueInfo> {
    return this.#data.valueInfo;
  }
  /** Live view: nodes removed while iterating are skipped, nodes added are visited. */
  get nodes(): ReadonlySet<Node> {
    return this.#nodes;
  }
  get nodeCount(): number {
    return this.#nodes.size;
  }

  producer(value: string): Node | undefined {
    return this.#producers.get(value);
  }

  /** Every place that reads `value`, graph outputs not included (see `isOutput`). */
  uses(value: string): Use[] {
    const result: Use[] = [];
    for (const [node, indices] of this.#uses.get(value) ?? []) for (const index of indices) result.push({ node, index });
    return result;
  }

  /** The one node that reads `value` at one place, when the value is no graph output; else undefined. */
  soleConsumer(value: string): Node | undefined {
    if (this.isOutput(value)) return undefined;
    const uses = this.uses(value);
    return uses.length === 1 && uses[0] !== undefined && uses[0].index >= 0 ? uses[0].node : undefined;
  }

  isOutput(value: string): boolean {
    return this.#data.outputs.some((output) => output.name === value);
  }
  isInput(value: string): boolean {
    return this.#data.inputs.some((input) => input.name === value);
  }

  /** The initializer of that name, unless it is also a graph input (then a caller may override it). */
  constant(value: string): Tensor | undefined {
    return this.isInput(value) ? undefined : this.#data.initializers.get(value);
  }

  /** A value or node name that nobody uses yet, derived from `base`; reserved at once. */
  uniqueName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  addNode(spec: NewNode): Node {
    const attributes = spec.attributes instanceof Map ? new Map(spec.attributes) : new Map(Object.entries(spec.attributes ?? {}));
    const node: NodeData = {
      name: spec.name ?? '',
      opType: spec.opType,
      domain: spec.domain ?? '',
      inputs: [...spec.inputs],
      outputs: [...spec.outputs],
      attributes: attributes as Map<string, Attribute>,
      docString: '',
      rest: [],
    };
    for (const output of node.outputs) {
      if (output !== '' && this.#producers.has(output)) throw new Error(`value "${output}" already has a producer`);
    }
    this.#attach(node);
    return node;
  }

  removeNode(node: Node): void {
    const data = this.#own(node);
    this.#nodes.delete(data);
    for (const output of data.outputs) if (this.#producers.get(output) === data) this.#producers.delete(output);
    this.#unindexUses(data);
  }

  /** Sets input `index` of the node to another value; `''` leaves an optional input out. Grows the list when needed. */
  setInput(node: Node, index: number, value: string): void {
    const data = this.#own(node);
    this.#unindexUses(data);
    while (data.inputs.length <= index) data.inputs.push('');
    data.inputs[index] = value;
    this.#indexUses(data);
    this.#names.add(value);
  }

  setInputs(node: Node, values: readonly string[]): void {
    const data = this.#own(node);
    this.#unindexUses(data);
    data.inputs = [...values];
    this.#indexUses(data);
    for (const value of values) this.#names.add(value);
  }

  setOutput(node: Node, index: number, value: string): void {
    const data = this.#own(node);
    const old = data.outputs[index];
    if (old !== undefined && this.#producers.get(old) === data) this.#producers.delete(old);
    data.outputs[index] = value;
    if (value !== '') this.#producers.set(value, data);
    this.#names.add(value);
  }

  setAttribute(node: Node, name: string, attribute: Attribute | undefined): void {
    const data = this.#own(node);
    this.#unindexUses(data);
    if (attribute === undefined) data.attributes.delete(name);
    else data.attributes.set(name, attribute);
    this.#indexUses(data);
  }

  setOpType(node: Node, opType: string, domain = ''): void {
    const data = this.#own(node);
    data.opType = opType;
    data.domain = domain;
  }

  /** Every reader of `from`, in subgraphs too, reads `to` instead. Graph outputs keep their name: see `bypass`. */
  replaceUses(from: string, to: string): void {
    const readers = Array.from(this.#uses.get(from)?.keys() ?? []);
    for (const data of readers) {
      this.#unindexUses(data);
      data.inputs = data.inputs.map((input) => (input === from ? to : input));
      renameInSubgraphs(data, from, to);
      this.#indexUses(data);
    }
  }

  /**
   * Removes a node by letting readers of its output `index` read `source` instead. A graph output's name is kept: then the
   * producer of `source` is renamed. Where that cannot be (source is a graph input, initializer, or output itself), nothing
   * changes and false comes back.
   */
  bypass(node: Node, source: string, index = 0): boolean {
    const output = node.outputs[index] ?? '';
    if (output === '') return false;
    if (this.isOutput(output)) {
      const producer = this.#producers.get(source);
      if (!producer || this.isInput(source) || this.isOutput(source) || this.#capturedAnywhere(source, output)) return false;
      this.removeNode(node);
      const position = producer.outputs.indexOf(source);
      this.setOutput(producer, position, output);
      this.replaceUses(source, output);
      this.#data.valueInfo.delete(source);
      return true;
    }
    this.removeNode(node);
    this.replaceUses(output, source);
    this.#data.valueInfo.delete(output);
    return true;
  }

  setInitializer(tensor: Tensor): void {
    this.#data.initializers.set(tensor.name, tensor);
    this.#names.add(tensor.name);
  }

  /** Adds a tensor under a fresh name derived from its own and returns that name. */
  addInitializer(tensor: Tensor): string {
    const name = this.uniqueName(tensor.name);
    if (name === tensor.name) this.#data.initializers.set(name, tensor);
    else {
      const { encoded: _encoded, ...rest } = tensor;
      this.#data.initializers.set(name, { ...rest, name });
    }
    return name;
  }

  removeInitializer(name: string): void {
    this.#data.initializers.delete(name);
  }

  setInputInfo(inputs: readonly ValueInfo[]): void {
    this.#data.inputs = [...inputs];
  }
  setOutputInfo(outputs: readonly ValueInfo[]): void {
    this.#data.outputs = [...outputs];
    for (const output of outputs) this.#names.add(output.name);
  }
  setValueInfo(info: ValueInfo): void {
    this.#data.valueInfo.set(info.name, info);
  }
  removeValueInfo(name: string): void {
    this.#data.valueInfo.delete(name);
  }

  /** Nodes in an order in which every value is produced before it is read. @throws BAD_GRAPH on a cycle */
  sorted(): Node[] {
    return this.#sort();
  }

  /** The graph as data, nodes sorted. Shares nodes and tensors with this graph. */
  toData(): GraphData {
    return { ...this.#data, nodes: this.#sort() };
  }

  #own(node: Node): NodeData {
    if (!this.#nodes.has(node as NodeData)) throw new Error(`node ${describeNode(node as NodeData)} is not in this graph`);
    return node as NodeData;
  }

  #attach(node: NodeData): void {
    this.#nodes.add(node);
    if (node.name !== '') this.#names.add(node.name);
    for (const output of node.outputs) {
      if (output === '') continue;
      this.#producers.set(output, node);
      this.#names.add(output);
    }
    this.#indexUses(node);
    for (const input of node.inputs) this.#names.add(input);
    // A new name must not shadow, or be shadowed by, one inside of a subgraph.
    for (const name of namesInSubgraphs(node)) this.#names.add(name);
  }

  #indexUses(node: NodeData): void {
    node.inputs.forEach((input, index) => {
      if (input !== '') this.#addUse(input, node, index);
    });
    for (const name of capturedNames(node)) this.#addUse(name, node, -1);
  }

  #addUse(value: string, node: NodeData, index: number): void {
    let byNode = this.#uses.get(value);
    if (!byNode) this.#uses.set(value, (byNode = new Map()));
    const indices = byNode.get(node);
    if (indices) indices.push(index);
    else byNode.set(node, [index]);
  }

  #unindexUses(node: NodeData): void {
    for (const value of [...node.inputs, ...capturedNames(node)]) {
      const byNode = this.#uses.get(value);
      byNode?.delete(node);
      if (byNode?.size === 0) this.#uses.delete(value);
    }
  }

  #capturedAnywhere(...values: string[]): boolean {
    return values.some((value) => this.uses(value).some((use) => use.index < 0));
  }

  #sort(): NodeData[] {
    const waiting = new Map<NodeData, number>();
    const ready: NodeData[] = [];
    for (const node of this.#nodes) {
      const needed = new Set<NodeData>();
      for (const input of [...node.inputs, ...capturedNames(node)]) {
        const producer = this.#producers.get(input);
        if (producer) needed.add(producer);
      }
      waiting.set(node, needed.size);
    }
    const rank = new Map([...this.#nodes].map((node, position) => [node, position]));
    const visit = (node: NodeData): void => {
      ready.push(node);
    };
    for (const [node, count] of waiting) if (count === 0) visit(node);
    const result: NodeData[] = [];
    const heap = new RankHeap(rank, ready);
    for (let node = heap.pop(); node; node = heap.pop()) {
      result.push(node);
      const readers = new Set<NodeData>();
      for (const output of node.outputs) for (const reader of this.#uses.get(output)?.keys() ?? []) readers.add(reader);
      for (const reader of readers) {
        const left = (waiting.get(reader) ?? 0) - 1;
        waiting.set(reader, left);
        if (left === 0) heap.push(reader);
      }
    }
    if (result.length !== this.#nodes.size) {
      const stuck = [...this.#nodes].find((node) => (waiting.get(node) ?? 0) > 0);
      throw new EdgewiseError('BAD_GRAPH', `The graph has a cycle through ${stuck ? describeNode(stuck) : 'some node'}.`, {
        hint: 'A model must be free of cycles; export it again.',
        details: { node: stuck?.name },
      });
    }
    return result;
  }
}
