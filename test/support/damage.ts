/** Seeded damage to models: to their bytes, as a disk or a net does it, and to their meaning, as somebody does who knows the format. */
import { DataType, makeInt, makeInts, type Attribute, type GraphData, type Model, type NodeData, type Tensor } from '../../src/engine/onnx/index.ts';

/** One to four changes: bits, bytes, lengths, cuts, repeats, parts of another model. */
export function damagedBytes(original: Uint8Array, other: Uint8Array, random: () => number): Uint8Array {
  let bytes = new Uint8Array(original);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let change = 1 + below(4); change > 0; change--) {
    const at = below(bytes.length);
    switch (below(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 1:
        bytes[at] = below(256);
        break;
      case 2:
        bytes[at] = [0, 0x7f, 0x80, 0xff][below(4)] ?? 0;
        break;
      case 3:
        bytes = bytes.slice(0, at);
        break;
      case 4: {
        const part = bytes.slice(at, at + below(64));
        bytes = new Uint8Array(Buffer.concat([bytes.slice(0, at), part, bytes.slice(at)]));
        break;
      }
      case 5:
        bytes = new Uint8Array(Buffer.concat([bytes.slice(0, at), bytes.slice(at + below(16))]));
        break;
      default: {
        const from = below(other.length);
        bytes.set(other.slice(from, from + Math.min(32, bytes.length - at)), at);
      }
    }
  }
  return bytes;
}

const SIZES: readonly number[] = [0, 1, -1, 2, 3, 7, 64, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 40, -(2 ** 31)];
const TYPES: readonly number[] = [...Object.values(DataType), 99];

/** One to three changes to a model that stays well-formed: sizes, attributes, types, wires, operators, values. */
export function damagedModel(original: Model, other: Model, random: () => number): Model {
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T | undefined => items[below(items.length)];
  const size = (): number => pick(SIZES) as number;
  let graph: GraphData = original.graph;
  let opsets = original.opsets;

  const editNode = (edit: (node: NodeData) => NodeData): void => {
    if (graph.nodes.length === 0) return;
    const at = below(graph.nodes.length);
    graph = { ...graph, nodes: graph.nodes.map((node, index) => (index === at ? edit(node) : node)) };
  };
  const editTensor = (edit: (tensor: Tensor) => Tensor): void => {
    const tensor = pick([...graph.initializers.values()]);
    if (tensor) graph = { ...graph, initializers: new Map(graph.initializers).set(tensor.name, edit(tensor)) };
  };
  const names = (): string[] => [...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs), ''];

  for (let change = 1 + below(3); change > 0; change--) {
    switch (below(11)) {
      case 0:
        editNode((node) => ({ ...node, attributes: new Map([...node.attributes].map(([name, value]) => [name, damagedAttribute(value, size, below)])) }));
        break;
      case 1:
        editNode((node) => ({ ...node, attributes: new Map([...node.attributes].filter(() => below(2) === 0)) }));
        break;
      case 2:
        editNode((node) => ({ ...node, inputs: node.inputs.map((input) => (below(2) === 0 ? (pick(names()) ?? '') : input)) }));
        break;
      case 3:
        editNode((node) => ({ ...node, opType: pick([...graph.nodes, ...other.graph.nodes])?.opType ?? node.opType }));
        break;
      case 4:
        editNode((node) => ({ ...node, inputs: below(2) === 0 ? node.inputs.slice(0, -1) : [...node.inputs, pick(names()) ?? ''] }));
        break;
      case 5:
        graph = { ...graph, inputs: graph.inputs.map((input) => (below(2) === 0 ? { ...input, shape: input.shape?.map((dim) => (below(2) === 0 ? size() : dim)) ?? null } : input)) };
        break;
      case 6:
        graph = { ...graph, inputs: graph.inputs.map((input) => ({ ...input, elemType: pick(TYPES) ?? 1 })) };
        break;
      case 7:
        // The bytes stay as many, so that the tensor is still believed.
        editTensor((tensor) => ({ ...tensor, dims: below(2) === 0 ? [...tensor.dims].reverse() : [...tensor.dims, 1] }));
        break;
      case 8:
        editTensor(({ encoded: _encoded, ...tensor }) => {
          if (tensor.payload.kind !== 'raw') return tensor;
          const bytes = new Uint8Array(tensor.payload.bytes);
          for (let count = 1 + below(8); count > 0 && bytes.length > 0; count--) bytes[below(bytes.length)] = pick([0, 1, 0x7f, 0x80, 0xff]) ?? 0;
          return { ...tensor, payload: { kind: 'raw', bytes } };
        });
        break;
      case 9:
        opsets = opsets.map((entry) => ({ ...entry, version: 7 + below(19) }));
        break;
      default: {
        // A node twice, with outputs of its own.
        const node = pick(graph.nodes);
        const output = pick(graph.outputs);
        if (node && output) graph = { ...graph, nodes: [...graph.nodes, { ...node, name: '', outputs: node.outputs.map((name) => (name === '' ? '' : `${name}_again`)) }] };
      }
    }
  }
  return { ...original, opsets, graph };
}

function damagedAttribute(value: Attribute, size: () => number, below: (limit: number) => number): Attribute {
  switch (value.kind) {
    case 'int':
      return makeInt(size());
    case 'ints':
      return below(3) === 0 ? makeInts([...value.value].slice(1).map(Number)) : makeInts(value.value.map((each) => (below(2) === 0 ? size() : Number(each))));
    case 'float':
      return { ...value, value: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e38][below(5)] ?? 0 };
    default:
      return value;
  }
}
