/** Matrix products. */
import type { Dim, Shape } from '../types.ts';
import { broadcast, broadcastDim } from './broadcast.ts';
import { defineShapeRule, makeValue, type RuleContext, type ShapeRule, type Value } from './rule.ts';

/** numpy.matmul on shapes; null when one is unknown or they do not fit (noted). */
export function matMulShape(context: RuleContext, a: Shape | null, b: Shape | null): Shape | null {
  if (!a || !b) return null;
  if (a.length === 0 || b.length === 0) {
    context.note('a scalar cannot be multiplied as a matrix');
    return null;
  }
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const inner = [left.at(-1) ?? null, right.at(-2) ?? null];
  if (typeof inner[0] === 'number' && typeof inner[1] === 'number' && inner[0] !== inner[1]) {
    context.note(`inner sizes ${inner[0]} and ${inner[1]} differ`);
    return null;
  }
  const batch = broadcast(context, [left.slice(0, -2), right.slice(0, -2)]);
  if (!batch) return null;
  const rows = a.length === 1 ? [] : [left.at(-2) ?? null];
  const columns = b.length === 1 ? [] : [right.at(-1) ?? null];
  return [...batch, ...rows, ...columns];
}

function gemmShape(context: RuleContext): Shape | null {
  const a = context.shape(0);
  const b = context.shape(1);
  const [innerA, rows] = context.int('transA', 0) ? [a?.[0], a?.[1]] : [a?.[1], a?.[0]];
  const [innerB, columns] = context.int('transB', 0) ? [b?.[1], b?.[0]] : [b?.[0], b?.[1]];
  if (typeof innerA === 'number' && typeof innerB === 'number' && innerA !== innerB) context.note(`inner sizes ${innerA} and ${innerB} differ`);
  return [rows ?? null, columns ?? null];
}

/** com.microsoft FusedMatMul: the last two axes of either side may be swapped. */
function fusedMatMulShape(context: RuleContext): Shape | null {
  if (context.int('transBatchA', 0) || context.int('transBatchB', 0)) return null;
  const side = (index: number, name: string): Shape | null => {
    const shape = context.shape(index);
    if (!shape || shape.length < 2 || !context.int(name, 0)) return shape;
    return [...shape.slice(0, -2), shape.at(-1) ?? null, shape.at(-2) ?? null];
  };
  return matMulShape(context, side(0, 'transA'), side(1, 'transB'));
}

function einsumShape(context: RuleContext): Shape | null {
  const [left, right] = context.text('equation', '').replaceAll(' ', '').split('->');
  const terms = (left ?? '').split(',');
  const sizes = new Map<string, Dim>();
  let ellipsis: readonly Dim[] = [];
  for (const [i, term] of terms.entries()) {
    const shape = context.shape(i);
    if (!shape) return null;
    const [before = '', after] = term.split('...');
    const covered = before.length + (after?.length ?? 0);
    if (covered > shape.length || (after === undefined && covered !== shape.length)) {
      context.note(`term "${term}" does not fit a tensor of rank ${shape.length}`);
      return null;
    }
    const letters: [string, Dim | undefined][] = [...before].map((letter, axis) => [letter, shape[axis]]);
    if (after !== undefined) {
      const middle = shape.slice(before.length, shape.length - after.length);
      ellipsis = broadcast(context, [ellipsis, middle]) ?? ellipsis;
      letters.push(...[...after].map((letter, axis): [string, Dim | undefined] => [letter, shape[shape.length - after.length + axis]]));
    }
    for (const [letter, size] of letters) {
      const known = sizes.get(letter);
      sizes.set(letter, known === undefined ? (size ?? null) : (broadcastDim(context.dims, known, size ?? null) ?? null));
    }
  }
  const counted = [...(left ?? '').replaceAll(/[^a-zA-Z]/g, '')];
  const implicit = [...new Set(counted)].filter((letter) => counted.filter((other) => other === letter).length === 1).sort();
  const output = right ?? `${(left ?? '').includes('...') ? '...' : ''}${implicit.join('')}`;
  const [before = '', after] = output.split('...');
  const read = (letters: string): Dim[] => [...letters].map((letter) => sizes.get(letter) ?? null);
  return after === undefined ? read(before) : [...read(before), ...ellipsis, ...read(after)];
}

/** com.microsoft MatMulNBits: weights of K x N in blocks; K and N are attributes. */
function matMulNBits(context: RuleContext): Value {
  const input = context.shape(0);
  return makeValue(context.elemType(0), input && [...input.slice(0, -1), context.int('N', 0) || null]);
}

export const matMulRules: readonly ShapeRule[] = [
  defineShapeRule(['MatMul'], (context) => [makeValue(context.elemType(0) || context.elemType(1), matMulShape(context, context.shape(0), context.shape(1)))]),
  defineShapeRule(['Gemm'], (context) => [makeValue(context.elemType(0), gemmShape(context))]),
  defineShapeRule(['FusedGemm'], (context) => [makeValue(context.elemType(0), gemmShape(context))], 'com.microsoft'),
  defineShapeRule(['FusedMatMul'], (context) => [makeValue(context.elemType(0), fusedMatMulShape(context))], 'com.microsoft'),
  defineShapeRule(['Einsum'], (context) => [makeValue(context.elemType(0), einsumShape(context))]),
  defineShapeRule(['Det'], (context) => [makeValue(context.elemType(0), context.shape(0)?.slice(0, -2) ?? null)]),
  defineShapeRule(['MatMulNBits'], (context) => [matMulNBits(context)], 'com.microsoft'),
];
