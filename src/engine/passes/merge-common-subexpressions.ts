/**
 * merge-common-subexpressions
 *
 * before: y1 = Op(x; a), y2 = Op(x; a)            W1, W2 with the same type, shape and bytes
 * after:  readers of y2 read y1                   readers of W2 read W1
 * when:   same operator, inputs (in any order for commutative ones) and attributes; the operator is deterministic and holds no
 *         subgraph; not both make a graph output, since an output's name is kept. Initializers that are inputs or outputs stay.
 * why it is exact: equal operands give equal results; two's IEEE addition and multiplication commute.
 * Initializers are compared by type, shape and a sample of their bytes first, and in full only where those agree.
 */
import type { Graph, Node } from '../onnx/graph.ts';
import { tensorBytes } from '../onnx/tensor.ts';
import type { Attribute, Tensor } from '../onnx/types.ts';
import { definePass, noOptions } from './define-pass.ts';
import { hasSubgraph, isDeterministic, makesGraphOutput } from './support/match.ts';

const COMMUTATIVE = new Set(['Add', 'Mul', 'And', 'Or', 'Xor', 'Equal']);
const utf8 = new TextDecoder();
/** A tensor attribute larger than this takes part only where it is the same object. */
const MAX_ATTRIBUTE_BYTES = 4096;

export const mergeCommonSubexpressions = definePass({
  name: 'merge-common-subexpressions',
  family: 'merging',
  summary: 'Computes equal expressions once and stores equal weights once.',
  options: noOptions,
  run(graph) {
    const initializers = mergeInitializers(graph);
    const nodes = mergeNodes(graph);
    const stats = { ...(nodes > 0 ? { nodes } : {}), ...(initializers > 0 ? { initializers } : {}) };
    return { changed: nodes + initializers, stats, notes: [] };
  },
});

function mergeNodes(graph: Graph): number {
  const seen = new Map<string, Node>();
  const objects = new Map<object, number>();
  let count = 0;
  for (const node of graph.sorted()) {
    if (!isDeterministic(node) || hasSubgraph(node)) continue;
    const key = keyOf(node, objects);
    const twin = key === null ? undefined : seen.get(key);
    if (!twin) {
      if (key !== null) seen.set(key, node);
      continue;
    }
    const [kept, gone] = makesGraphOutput(graph, node) ? [node, twin] : [twin, node];
    if (makesGraphOutput(graph, gone) || !covers(kept, gone)) continue;
    graph.removeNode(gone);
    gone.outputs.forEach((output, index) => {
      if (output === '') return;
      graph.replaceUses(output, kept.outputs[index] ?? '');
      graph.removeValueInfo(output);
    });
    if (key !== null) seen.set(key, kept);
    count++;
  }
  return count;
}

/** True where every output of `gone` has its counterpart in `kept`. */
function covers(kept: Node, gone: Node): boolean {
  return gone.outputs.every((output, index) => output === '' || (kept.outputs[index] ?? '') !== '');
}

function keyOf(node: Node, objects: Map<object, number>): string | null {
  const inputs = COMMUTATIVE.has(node.opType) ? [...node.inputs].sort() : node.inputs;
  const attributes: string[] = [];
  for (const [name, attribute] of [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = attributeKey(attribute, objects);
    if (text === null) return null;
    attributes.push(`${name}=${text}`);
  }
  return JSON.stringify([node.opType, inputs, node.outputs.length, attributes]);
}

function attributeKey(attribute: Attribute, objects: Map<object, number>): string | null {
  switch (attribute.kind) {
    case 'float':
      return `f${numberKey(attribute.value)}`;
    case 'floats':
      return `fs${attribute.value.map(numberKey).join()}`;
    case 'int':
      return `i${attribute.value}`;
    case 'ints':
      return `is${attribute.value.join()}`;
    case 'string':
      return `s${utf8.decode(attribute.value)}`;
    case 'strings':
      return `ss${JSON.stringify(attribute.value.map((value) => utf8.decode(value)))}`;
    case 'tensor':
      return tensorKey(attribute.value, objects);
    default:
      return null;
  }
}

/** -0 and 0 are different parameters. */
function numberKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function tensorKey(tensor: Tensor, objects: Map<object, number>): string {
  if (tensor.payload.kind === 'raw' && tensor.payload.bytes.length <= MAX_ATTRIBUTE_BYTES) return `t${tensor.dataType}:${tensor.dims.join()}:${tensor.payload.bytes.join()}`;
  let id = objects.get(tensor);
  if (id === undefined) objects.set(tensor, (id = objects.size));
  return `o${id}`;
}

function mergeInitializers(graph: Graph): number {
  const groups = new Map<string, Tensor[]>();
  let count = 0;
  for (const [name, tensor] of graph.initializers) {
    // External data is not read for this: it would be a walk over the whole file.
    if (graph.isInput(name) || graph.isOutput(name) || tensor.payload.kind === 'strings' || tensor.payload.kind === 'external') continue;
    const bytes = tensorBytes(tensor);
    const key = `${tensor.dataType}:${tensor.dims.join()}:${sample(bytes)}`;
    const group = groups.get(key);
    const twin = group?.find((other) => equalBytes(tensorBytes(other), bytes));
    if (!group) groups.set(key, [tensor]);
    else if (!twin) group.push(tensor);
    else {
      graph.replaceUses(name, twin.name);
      graph.removeInitializer(name);
      graph.removeValueInfo(name);
      count++;
    }
  }
  return count;
}

function sample(bytes: Uint8Array): string {
  let hash = 2166136261;
  const step = Math.max(1, Math.floor(bytes.length / 256) | 1);
  for (let i = 0; i < bytes.length; i += step) hash = Math.imul(hash ^ (bytes[i] ?? 0), 16777619);
  return `${bytes.length}:${hash >>> 0}`;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
