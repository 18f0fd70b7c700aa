/** If, Loop and Scan: what is true of every way through. */
import { DataType, type Dim } from '../types.ts';
import { commonShape } from './broadcast.ts';
import { defineShapeRule, graphAttribute, makeValue, normalizeAxis, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

function merge(a: Value | null | undefined, b: Value | null | undefined): Value | null {
  if (!a || !b) return null;
  return makeValue(a.elemType === b.elemType ? a.elemType : 0, commonShape(a.shape, b.shape));
}

function branches(context: RuleContext): RuleResult {
  const decided = context.numbers(0)?.[0];
  if (decided !== undefined) return context.subgraph(decided === 0 ? 'else_branch' : 'then_branch', []);
  const yes = context.subgraph('then_branch', []);
  const no = context.subgraph('else_branch', []);
  return context.node.outputs.map((_, i) => merge(yes?.[i], no?.[i]));
}

/**
 * Runs a body until what it carries keeps its shape: first with the initial values, then, where the body changes a size, with that
 * size unknown, at last with an unknown rank.
 */
function stable(initial: readonly Value[], run: (carried: readonly Value[]) => readonly (Value | null)[] | null): [readonly Value[], readonly (Value | null)[]] | null {
  let carried: readonly Value[] = initial.map((value) => makeValue(value.elemType, value.shape));
  for (let round = 0; round < 4; round++) {
    const outputs = run(carried);
    if (!outputs) return null;
    const next = carried.map((value, i) => {
      const after = outputs[i];
      return makeValue(value.elemType || (after?.elemType ?? 0), after ? commonShape(value.shape, after.shape) : null);
    });
    if (next.every((value, i) => sameShape(value, carried[i]))) return [next, outputs];
    carried = next;
  }
  return null;
}

function sameShape(a: Value, b: Value | undefined): boolean {
  if (!b || a.shape === null || b.shape === null) return a.shape === (b?.shape ?? null);
  return a.shape.length === b.shape.length && a.shape.every((dim, i) => dim === b.shape?.[i]);
}

const unknown = makeValue(0, null);

function loop(context: RuleContext): RuleResult {
  const body = graphAttribute(context.node, 'body');
  if (!body) return null;
  const count = context.node.inputs.length - 2;
  const initial = Array.from({ length: count }, (_, i) => context.input(i + 2) ?? unknown);
  const iteration = makeValue(DataType.INT64, []);
  const condition = makeValue(DataType.BOOL, []);
  const result = stable(initial, (carried) => context.subgraph('body', [iteration, condition, ...carried])?.slice(1) ?? null);
  if (!result) return null;
  const [carried, outputs] = result;
  const scans = outputs.slice(count).map((value) => makeValue(value?.elemType ?? 0, value?.shape ? [null, ...value.shape] : null));
  return [...carried, ...scans];
}

function scan(context: RuleContext): RuleResult {
  if (context.opset < 9) return null;
  const scanned = context.int('num_scan_inputs', 0);
  const states = context.node.inputs.length - scanned;
  // A file may claim any number; what follows is made once for each.
  if (scanned < 0 || states < 0) {
    context.note(`${scanned} of ${context.node.inputs.length} inputs cannot be scanned`);
    return null;
  }
  const inputAxes = context.ints('scan_input_axes');
  const outputAxes = context.ints('scan_output_axes');
  let length: Dim = null;
  const slices = Array.from({ length: scanned }, (_, i) => {
    const value = context.input(states + i);
    const axis = value?.shape ? normalizeAxis(inputAxes?.[i] ?? 0, value.shape.length) : null;
    if (!value?.shape || axis === null) return makeValue(value?.elemType ?? 0, null);
    length = value.shape[axis] ?? length;
    return makeValue(value.elemType, value.shape.filter((_dim, k) => k !== axis));
  });
  const initial = Array.from({ length: states }, (_, i) => context.input(i) ?? unknown);
  const result = stable(initial, (carried) => context.subgraph('body', [...carried, ...slices]));
  if (!result) return null;
  const [carried, outputs] = result;
  const scans = outputs.slice(states).map((value, i) => {
    const axis = value?.shape ? normalizeAxis(outputAxes?.[i] ?? 0, value.shape.length + 1) : null;
    return makeValue(value?.elemType ?? 0, value?.shape && axis !== null ? value.shape.toSpliced(axis, 0, length) : null);
  });
  return [...carried, ...scans];
}

export const controlRules: readonly ShapeRule[] = [
  defineShapeRule(['If'], branches),
  defineShapeRule(['Loop'], loop),
  defineShapeRule(['Scan'], scan),
];
