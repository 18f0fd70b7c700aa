/** Following small tensors through operators that move or compute their elements. */
import type { Dim } from '../types.ts';
import type { DimAlgebra } from './dims.ts';
import { isStatic, MAX_DATA, type RuleContext, type Value } from './rule.ts';

/**
 * The elements of an output that takes each element from one place of the input.
 * @param outShape shape of the output; @param source index of an output element -> index of the input element
 */
export function moveData(
  input: Value | undefined,
  outShape: readonly (Dim | undefined)[],
  source: (index: readonly number[]) => readonly number[],
): readonly Dim[] | null {
  const shape = input?.shape ?? null;
  if (!input?.data || !isStatic(shape) || !outShape.every((dim) => typeof dim === 'number')) return null;
  const out = outShape as readonly number[];
  const count = out.reduce((product, dim) => product * dim, 1);
  if (count > MAX_DATA) return null;
  const result: Dim[] = [];
  for (let flat = 0; flat < count; flat++) {
    const from = source(unravel(flat, out));
    const element = input.data[ravel(from, shape)];
    if (element === undefined) return null;
    result.push(element);
  }
  return result;
}

export function unravel(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    index[axis] = rest % size;
    rest = Math.floor(rest / size);
  }
  return index;
}

export function ravel(index: readonly number[], shape: readonly number[]): number {
  return shape.reduce((flat, size, axis) => flat * size + (index[axis] ?? 0), 0);
}

/** Elementwise arithmetic on data, with broadcasting to `outShape`. */
export function combineData(
  context: RuleContext,
  outShape: readonly Dim[] | null,
  operate: (dims: DimAlgebra, values: readonly Dim[]) => Dim,
): readonly Dim[] | null {
  if (!outShape) return null;
  const moved: (readonly Dim[])[] = [];
  for (let i = 0; i < context.node.inputs.length; i++) {
    const input = context.input(i);
    const shape = input?.shape;
    if (!input || !shape) return null;
    const offset = outShape.length - shape.length;
    const data = moveData(input, outShape, (index) => shape.map((size, axis) => (size === 1 ? 0 : (index[axis + offset] ?? 0))));
    if (!data) return null;
    moved.push(data);
  }
  return (moved[0] ?? []).map((_, i) => operate(context.dims, moved.map((data) => data[i] ?? null)));
}
