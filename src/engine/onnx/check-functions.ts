/**
 * Model-local functions are expanded where they are called. One that calls itself never ends, and ten that call each other ten times make
 * ten thousand million nodes out of one kilobyte: so the size after expansion is counted before anybody expands.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { checkBody } from './check-graph.ts';
import { tooLarge } from './limits.ts';
import { readFunction, type FunctionData } from './read-graph.ts';
import type { ReadContext } from './read-tensor.ts';
import { shorten } from './shown.ts';
import type { GraphData, Model, NodeData } from './types.ts';

const MAX_CALL_DEPTH = 100;

/** Functions by `domain:name`; overloads of one name stand together. */
export type Functions = ReadonlyMap<string, readonly FunctionData[]>;

export const functionKey = (node: { readonly domain: string; readonly opType: string }): string => `${node.domain}:${node.opType}`;

/** Reads the functions and checks their bodies. @throws what reading throws, BAD_GRAPH */
export function readFunctions(model: Model, context: ReadContext): Functions {
  const functions = new Map<string, FunctionData[]>();
  for (const encoded of model.functions) {
    const data = readFunction(encoded, context);
    checkBody(`function ${data.name}`, data.inputs, data.outputs, data.nodes, context);
    const key = functionKey({ domain: data.domain, opType: data.name });
    const overloads = functions.get(key);
    if (overloads) overloads.push(data);
    else functions.set(key, [data]);
  }
  return functions;
}

/** @throws TOO_DEEP for recursion, TOO_LARGE when the model would have too many nodes after expansion */
export function checkExpansion(graph: GraphData, functions: Functions, context: ReadContext): void {
  if (functions.size === 0) return;
  const limit = context.budget.limits.expandedNodes;
  const known = new Map<string, number>();
  const open: string[] = [];

  const sizeOfNodes = (nodes: readonly NodeData[]): number => {
    let size = 0;
    for (const node of nodes) {
      size += sizeOfCall(node);
      for (const attribute of node.attributes.values()) {
        if (attribute.kind === 'graph') size += sizeOfNodes(attribute.value.nodes);
        else if (attribute.kind === 'graphs') for (const inner of attribute.value) size += sizeOfNodes(inner.nodes);
      }
    }
    return size;
  };

  const sizeOfCall = (node: NodeData): number => {
    const key = functionKey(node);
    const overloads = functions.get(key);
    if (!overloads) return 1;
    const before = known.get(key);
    if (before !== undefined) return before;
    if (open.includes(key)) {
      throw deep(`Function "${shorten(node.opType)}" calls itself${open.length > 1 ? ` by way of ${open.length - 1} other(s)` : ''}, so expanding it never ends`, node);
    }
    if (open.length >= MAX_CALL_DEPTH) throw deep(`Functions call each other more than ${MAX_CALL_DEPTH} levels deep`, node);
    open.push(key);
    const size = Math.max(...overloads.map((overload) => sizeOfNodes(overload.nodes)));
    open.pop();
    known.set(key, size);
    return size;
  };

  for (const overloads of functions.values()) for (const { domain, name } of overloads) sizeOfCall(callOf(domain, name));
  const size = sizeOfNodes(graph.nodes);
  if (size > limit) throw tooLarge(`Expanding the model's functions makes ${size.toLocaleString('en')} nodes of it; the limit is ${limit.toLocaleString('en')}`, 'expandedNodes', limit);
}

function callOf(domain: string, opType: string): NodeData {
  return { name: '', opType, domain, inputs: [], outputs: [], attributes: new Map(), docString: '', rest: [] };
}

function deep(what: string, node: NodeData): EdgewiseError {
  return new EdgewiseError('TOO_DEEP', `${what}.`, {
    hint: 'Export the model again with its functions inlined.',
    details: { function: shorten(node.opType), domain: shorten(node.domain) },
  });
}
