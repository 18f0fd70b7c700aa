/** Operators that work element by element: the shape is that of the input, or of the inputs broadcast. */
import { DataType, type Dim } from '../types.ts';
import { broadcast } from './broadcast.ts';
import { combineData } from './data.ts';
import type { DimAlgebra } from './dims.ts';
import { defineShapeRule, makeValue, type RuleContext, type RuleResult, type ShapeRule, type Value } from './rule.ts';

/** Same type and shape as input 0, whose elements change. */
export function sameAsInput(context: RuleContext): RuleResult {
  const input = context.input(0);
  return input ? [makeValue(input.elemType, input.shape)] : null;
}

type Arithmetic = (dims: DimAlgebra, values: readonly Dim[], isFloat: boolean) => Dim;

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16]);

/** Types whose elements are followed; sizes, axes and scales are of these. */
const FOLLOWED: ReadonlySet<number> = new Set([DataType.INT64, DataType.INT32, DataType.FLOAT, DataType.DOUBLE, DataType.BOOL]);

/** Results as the element type holds them: what would overflow, or is no finite number, is unknown. */
function asType(data: readonly Dim[] | null, elemType: number): readonly Dim[] | null {
  if (!data || !FOLLOWED.has(elemType)) return null;
  const limit = elemType === DataType.INT32 ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  return data.map((dim) => {
    if (typeof dim !== 'number') return dim;
    if (!Number.isFinite(dim)) return null;
    if (FLOATS.has(elemType)) return elemType === DataType.FLOAT ? Math.fround(dim) : dim;
    return Math.abs(dim) <= limit ? dim : null;
  });
}

function firstType(context: RuleContext): number {
  for (let i = 0; i < context.node.inputs.length; i++) if (context.elemType(i) !== 0) return context.elemType(i);
  return 0;
}

function broadcastInputs(context: RuleContext): readonly Dim[] | null {
  return broadcast(context, context.node.inputs.map((_, i) => context.shape(i)));
}

function arithmetic(ops: readonly string[], operate: Arithmetic | null, domain = ''): ShapeRule {
  return defineShapeRule(
    ops,
    (context) => {
      const elemType = firstType(context);
      const shape = broadcastInputs(context);
      const data = operate && combineData(context, shape, (dims, values) => operate(dims, values, FLOATS.has(elemType)));
      return [makeValue(elemType, shape, asType(data, elemType))];
    },
    domain,
  );
}

/** Numbers only; booleans are 0 and 1. */
function comparison(ops: readonly string[], operate: ((a: number, b: number) => boolean) | null): ShapeRule {
  return defineShapeRule(ops, (context) => {
    const shape = broadcastInputs(context);
    const data =
      operate &&
      combineData(context, shape, (_, [a, b]) => (typeof a === 'number' && typeof b === 'number' ? Number(operate(a, b)) : null));
    return [makeValue(DataType.BOOL, shape, data?.includes(null) ? null : data)];
  });
}

function unary(ops: readonly string[], operate: (dims: DimAlgebra, value: Dim) => Dim, elemType?: number): ShapeRule {
  return defineShapeRule(ops, (context) => {
    const input = context.input(0);
    if (!input) return null;
    const type = elemType ?? input.elemType;
    return [makeValue(type, input.shape, asType(input.data?.map((dim) => operate(context.dims, dim)) ?? null, type))];
  });
}

const onNumber = (operate: (value: number) => number) => (_: DimAlgebra, value: Dim): Dim => (typeof value === 'number' ? operate(value) : null);

function divide(dims: DimAlgebra, [a, b]: readonly Dim[], isFloat: boolean): Dim {
  if (a === undefined || b === undefined || b === 0) return null;
  if (typeof a === 'number' && typeof b === 'number') return isFloat ? a / b : Math.trunc(a / b);
  // A symbolic quotient of floats need not be whole: only the exact one is kept.
  if (isFloat) return typeof b === 'number' ? dims.mul(a, 1 / b) : dims.divideExactly(a, b);
  return dims.divideExactly(a, b) ?? (typeof b === 'number' && b > 0 ? dims.floorDivide(a, b) : null);
}

/** Integers only, where no sign makes a difference between the two definitions (fmod). */
function modulo(_: DimAlgebra, [a, b]: readonly Dim[], isFloat: boolean): Dim {
  return !isFloat && typeof a === 'number' && typeof b === 'number' && a >= 0 && b > 0 ? a % b : null;
}

/** Extremes of equal symbols are that symbol; a symbol is at least 1. */
function extreme(pick: (...values: number[]) => number): Arithmetic {
  return (_, values) => {
    if (values.every((value) => typeof value === 'number')) return pick(...(values as number[]));
    const rest = values.filter((value) => !(typeof value === 'number' && value <= 1));
    if (pick === Math.max && rest.length === 1) return rest[0] ?? null;
    return values.every((value) => value === values[0]) ? (values[0] ?? null) : null;
  };
}

function where(context: RuleContext): Value {
  const shape = broadcastInputs(context);
  const data = combineData(context, shape, (_, [condition, yes, no]) => {
    if (yes === no) return yes ?? null;
    return typeof condition === 'number' ? ((condition ? yes : no) ?? null) : null;
  });
  return makeValue(context.elemType(1) || context.elemType(2), shape, data);
}

function cast(context: RuleContext): Value {
  const to = context.int('to', 0);
  const input = context.input(0);
  const truncate = !FLOATS.has(to);
  const data = input?.data?.map((dim) => {
    if (typeof dim === 'string') return truncate ? context.dims.floor(dim) : dim;
    return dim !== null && to === DataType.BOOL ? Number(dim !== 0) : dim !== null && truncate ? Math.trunc(dim) : dim;
  });
  return makeValue(to, input?.shape ?? null, asType(data ?? null, to));
}

function dropout(context: RuleContext): RuleResult {
  const input = context.input(0);
  if (!input) return null;
  const maskType = context.opset >= 10 ? DataType.BOOL : input.elemType;
  return [makeValue(input.elemType, input.shape), makeValue(maskType, input.shape)];
}

const SAME = [
  'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitwiseNot', 'Celu', 'Clip', 'Cos', 'Cosh', 'CumSum', 'CumProd', 'Elu', 'Erf', 'Exp', 'Gelu', 'HardSigmoid',
  'HardSwish', 'LeakyRelu', 'Log', 'Mish', 'Reciprocal', 'Selu', 'Shrink', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Softsign', 'Swish',
  'Tan', 'Tanh', 'ThresholdedRelu', 'Trilu', 'PRelu', 'Scale', 'ImageScaler', 'ParametricSoftplus', 'ScaledTanh', 'Affine',
  'RotaryEmbedding', 'TensorScatter',
];

export const elementwiseRules: readonly ShapeRule[] = [
  defineShapeRule(SAME, sameAsInput),
  defineShapeRule(['Identity'], (context) => [context.input(0)]),
  defineShapeRule(['Dropout'], dropout),
  defineShapeRule(['Cast'], (context) => [cast(context)]),
  defineShapeRule(['CastLike'], (context) => [makeValue(context.elemType(1), context.shape(0))]),
  defineShapeRule(['Where'], (context) => [where(context)]),
  unary(['Relu'], (_, value) => (typeof value === 'number' ? Math.max(0, value) : value)),
  unary(['Abs'], (_, value) => (typeof value === 'number' ? Math.abs(value) : value)),
  unary(['Neg'], (dims, value) => dims.mul(value, -1)),
  unary(['Floor'], (dims, value) => dims.floor(value)),
  unary(['Ceil'], (dims, value) => dims.ceil(value)),
  unary(['Round'], onNumber((value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value)))),
  unary(['Sqrt'], onNumber(Math.sqrt)),
  unary(['Not'], onNumber((value) => Number(value === 0)), DataType.BOOL),
  defineShapeRule(['IsNaN', 'IsInf'], (context) => [makeValue(DataType.BOOL, context.shape(0))]),
  arithmetic(['Add', 'Sum'], (dims, values) => values.reduce((sum, value) => dims.add(sum, value), 0)),
  arithmetic(['Sub'], (dims, [a, b]) => dims.sub(a ?? null, b ?? null)),
  arithmetic(['Mul'], (dims, values) => values.reduce((product, value) => dims.mul(product, value), 1)),
  arithmetic(['Div'], divide),
  arithmetic(['Mod'], modulo),
  arithmetic(['Min'], extreme(Math.min)),
  arithmetic(['Max'], extreme(Math.max)),
  arithmetic(['Pow'], (_, [a, b]) => (typeof a === 'number' && typeof b === 'number' ? a ** b : null)),
  arithmetic(['Mean', 'BitShift', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor'], null),
  comparison(['Equal'], (a, b) => a === b),
  comparison(['Greater'], (a, b) => a > b),
  comparison(['GreaterOrEqual'], (a, b) => a >= b),
  comparison(['Less'], (a, b) => a < b),
  comparison(['LessOrEqual'], (a, b) => a <= b),
  comparison(['And'], (a, b) => a !== 0 && b !== 0),
  comparison(['Or'], (a, b) => a !== 0 || b !== 0),
  comparison(['Xor'], (a, b) => (a !== 0) !== (b !== 0)),
  defineShapeRule(['Gelu', 'FastGelu', 'QuickGelu', 'BiasGelu', 'Inverse', 'RotaryEmbedding'], sameAsInput, 'com.microsoft'),
];
