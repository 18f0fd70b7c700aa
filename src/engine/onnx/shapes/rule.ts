/** What a shape rule sees and gives. A rule is pure: types and shapes of the inputs in, those of the outputs out. */
import type { Dim, GraphData, NodeData, Shape, Tensor } from '../types.ts';
import type { DimAlgebra } from './dims.ts';

/** What is known of one value while shapes are propagated. */
export interface Value {
  /** A value of `DataType`; 0 unknown or not a tensor. */
  readonly elemType: number;
  /** null: unknown rank. */
  readonly shape: Shape | null;
  /** The elements, row-major, of a small tensor whose elements decide shapes further on (sizes, axes, scales); each may be a symbol or unknown. */
  readonly data: readonly Dim[] | null;
}

/** A tensor with more elements than this is never followed as data. */
export const MAX_DATA = 64;

export interface RuleContext {
  readonly node: NodeData;
  /** Version of the operator set of the node's domain. */
  readonly opset: number;
  readonly dims: DimAlgebra;
  /** False where input `index` is left out. */
  has(index: number): boolean;
  input(index: number): Value | undefined;
  shape(index: number): Shape | null;
  elemType(index: number): number;
  data(index: number): readonly Dim[] | null;
  /** The data when every element is a number, else null. */
  numbers(index: number): number[] | null;
  /** The constant that input `index` names, of any size. */
  tensor(index: number): Tensor | undefined;
  int(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  ints(name: string): number[] | null;
  tensorAttribute(name: string): Tensor | null;
  /** Something about the model that cannot be right. */
  note(message: string): void;
  /** Infers a subgraph with its inputs given; null where there is none under that name. */
  subgraph(name: string, inputs: readonly Value[]): (Value | null)[] | null;
}

/** One entry per output; null or missing: unknown. */
export type RuleResult = readonly (Value | null | undefined)[] | null;

export interface ShapeRule {
  readonly domain: string;
  readonly ops: readonly string[];
  readonly infer: (context: RuleContext) => RuleResult;
}

/** @param ops operator names of `domain` ('' is the standard one) that share the rule */
export function defineShapeRule(ops: readonly string[], infer: (context: RuleContext) => RuleResult, domain = ''): ShapeRule {
  return { domain, ops, infer };
}

export function makeValue(elemType: number, shape: Shape | null, data: readonly Dim[] | null = null): Value {
  return { elemType, shape, data: data && data.length <= MAX_DATA ? data : null };
}

/** The tensor a node's subgraph attribute holds, for rules that look inside. */
export function graphAttribute(node: NodeData, name: string): GraphData | null {
  const attribute = node.attributes.get(name);
  return attribute?.kind === 'graph' ? attribute.value : null;
}

/** The axis counted from the front, or null when it is out of range. */
export function normalizeAxis(axis: number, rank: number): number | null {
  const positive = axis < 0 ? axis + rank : axis;
  return positive >= 0 && positive < rank ? positive : null;
}

/** The axes counted from the front; null when one is out of range. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] | null {
  const result: number[] = [];
  for (const axis of axes) {
    const positive = normalizeAxis(axis, rank);
    if (positive === null) return null;
    result.push(positive);
  }
  return result;
}

/** A copy with one dimension replaced. */
export function withDim(shape: Shape, axis: number, dim: Dim): Dim[] {
  const copy = [...shape];
  copy[axis] = dim;
  return copy;
}

/** All dimensions unknown. */
export function unknownDims(rank: number): Dim[] {
  return Array.from({ length: rank }, () => null);
}

/** True where every dimension is a number. */
export function isStatic(shape: Shape | null): shape is readonly number[] {
  return shape !== null && shape.every((dim) => typeof dim === 'number');
}
