/** Broadcasting and merging of shapes that may hold symbols. */
import type { Dim, Shape } from '../types.ts';
import type { DimAlgebra } from './dims.ts';
import type { RuleContext } from './rule.ts';

/** The dimension that two aligned dimensions broadcast to; undefined when they cannot be. */
export function broadcastDim(dims: DimAlgebra, a: Dim, b: Dim): Dim | undefined {
  if (a === b) return a;
  if (a === 1) return b;
  if (b === 1) return a;
  if (typeof a === 'number' && typeof b === 'number') return undefined;
  // A number above 1 decides: the other one is that number, or 1.
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return dims.max(a, b);
}

/** Numpy broadcasting of all shapes; null when one is unknown or they contradict each other (noted). */
export function broadcast(context: RuleContext, shapes: readonly (Shape | null)[]): Shape | null {
  let result: Shape = [];
  for (const shape of shapes) {
    if (shape === null) return null;
    const rank = Math.max(result.length, shape.length);
    const next: Dim[] = [];
    for (let i = 0; i < rank; i++) {
      const left = result[i - rank + result.length];
      const right = shape[i - rank + shape.length];
      const dim = broadcastDim(context.dims, left === undefined ? 1 : left, right === undefined ? 1 : right);
      if (dim === undefined) {
        context.note(`shapes ${shapes.map(showShape).join(' and ')} do not broadcast`);
        return null;
      }
      next.push(dim);
    }
    result = next;
  }
  return result;
}

/** What is true of both; undefined dims where they differ. null on unlike ranks. */
export function commonShape(a: Shape | null, b: Shape | null): Shape | null {
  if (a === null || b === null || a.length !== b.length) return null;
  return a.map((dim, i) => (dim === b[i] ? dim : null));
}

/** Two descriptions of the same dimension: the more telling one. */
export function sameDim(a: Dim, b: Dim): Dim {
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return a ?? b;
}

/** `[1, batch, ?]`, for notes. */
export function showShape(shape: Shape | null): string {
  return shape === null ? '(unknown rank)' : `[${shape.map((dim) => dim ?? '?').join(', ')}]`;
}
