/** Reading and making attributes. */
import { EdgewiseError } from '../../base/errors.ts';
import type { Attribute, Tensor } from './types.ts';

/** What is read here of a node, whether it is data or in a graph. */
export interface NodeLike {
  readonly name: string;
  readonly opType: string;
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

const utf8 = new TextDecoder();
const utf8Encoder = new TextEncoder();

function wrongKind(node: NodeLike, name: string, expected: string, found: string): EdgewiseError {
  return new EdgewiseError('BAD_ATTRIBUTE', `Attribute "${name}" of ${describeNode(node)} should be ${expected} but is ${found}.`, {
    hint: 'Export the model again, or check it with the exporter that made it.',
    details: { node: node.name, op: node.opType, attribute: name },
  });
}

/** A node as a person finds it: operator, name, or first output where it has no name. */
export function describeNode(node: Pick<NodeLike, 'opType' | 'name' | 'outputs'>): string {
  return `${node.opType} "${node.name || (node.outputs[0] ?? '')}"`;
}

/** @throws BAD_ATTRIBUTE when the attribute is there but is no integer */
export function intAttribute(node: NodeLike, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  if (!attribute) return fallback;
  if (attribute.kind !== 'int') throw wrongKind(node, name, 'an integer', attribute.kind);
  return Number(attribute.value);
}

export function floatAttribute(node: NodeLike, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  if (!attribute) return fallback;
  if (attribute.kind !== 'float') throw wrongKind(node, name, 'a float', attribute.kind);
  return attribute.value;
}

export function stringAttribute(node: NodeLike, name: string, fallback: string): string {
  const attribute = node.attributes.get(name);
  if (!attribute) return fallback;
  if (attribute.kind !== 'string') throw wrongKind(node, name, 'a string', attribute.kind);
  return utf8.decode(attribute.value);
}

/** `null` when the attribute is absent. */
export function intsAttribute(node: NodeLike, name: string): number[] | null {
  const attribute = node.attributes.get(name);
  if (!attribute) return null;
  if (attribute.kind !== 'ints') throw wrongKind(node, name, 'a list of integers', attribute.kind);
  return attribute.value.map(Number);
}

export function tensorAttribute(node: NodeLike, name: string): Tensor | null {
  const attribute = node.attributes.get(name);
  if (!attribute) return null;
  if (attribute.kind !== 'tensor') throw wrongKind(node, name, 'a tensor', attribute.kind);
  return attribute.value;
}

export const makeInt = (value: number | bigint): Attribute => ({ kind: 'int', value: BigInt(value) });
export const makeInts = (values: readonly (number | bigint)[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) });
export const makeFloat = (value: number): Attribute => ({ kind: 'float', value });
export const makeString = (value: string): Attribute => ({ kind: 'string', value: utf8Encoder.encode(value) });
export const makeTensorAttribute = (value: Tensor): Attribute => ({ kind: 'tensor', value });
