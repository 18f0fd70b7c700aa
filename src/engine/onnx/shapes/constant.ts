/** Constants: their elements as data where they are few, and the operators that make constants. */
import { elementCount, tensorFloats, tensorIntegers } from '../tensor.ts';
import { DataType, type Dim, type Tensor } from '../types.ts';
import { defineShapeRule, makeValue, MAX_DATA, type RuleContext, type ShapeRule, type Value } from './rule.ts';

const FLOATS: ReadonlySet<number> = new Set([DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16]);
const INTEGERS: ReadonlySet<number> = new Set([
  DataType.INT64, DataType.INT32, DataType.INT16, DataType.INT8, DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64, DataType.BOOL,
]);

/** A constant tensor as a value. Elements are read only where there are few of them and they are in the file itself. */
export function constantValue(tensor: Tensor): Value {
  return makeValue(tensor.dataType, tensor.dims, elementsOf(tensor));
}

function elementsOf(tensor: Tensor): readonly Dim[] | null {
  if (elementCount(tensor.dims) > MAX_DATA || tensor.payload.kind === 'external' || tensor.payload.kind === 'strings') return null;
  try {
    if (INTEGERS.has(tensor.dataType)) {
      const values = tensorIntegers(tensor);
      // INT64_MIN and INT64_MAX stand for "to the end" in Slice: any number that large does.
      return values.map(Number);
    }
    if (FLOATS.has(tensor.dataType)) {
      const values = [...tensorFloats(tensor)];
      return values.every(Number.isFinite) ? values : null;
    }
  } catch {
    // A tensor whose bytes do not match its dims: the reader of the file says so, shapes do without it.
  }
  return null;
}

function constantOf(context: RuleContext): Value | null {
  const tensor = context.tensorAttribute('value');
  if (tensor) return constantValue(tensor);
  for (const [name, attribute] of context.node.attributes) {
    if (name === 'value_int' && attribute.kind === 'int') return makeValue(DataType.INT64, [], [Number(attribute.value)]);
    if (name === 'value_float' && attribute.kind === 'float') return makeValue(DataType.FLOAT, [], [attribute.value]);
    if (name === 'value_ints' && attribute.kind === 'ints') return makeValue(DataType.INT64, [attribute.value.length], attribute.value.map(Number));
    if (name === 'value_floats' && attribute.kind === 'floats') return makeValue(DataType.FLOAT, [attribute.value.length], attribute.value);
    if (name === 'value_string' && attribute.kind === 'string') return makeValue(DataType.STRING, []);
    if (name === 'value_strings' && attribute.kind === 'strings') return makeValue(DataType.STRING, [attribute.value.length]);
  }
  return null;
}

/** The shape that a 1-D tensor of sizes describes: its data, or unknown dims where only its length is known. */
export function shapeFromData(context: RuleContext, index: number): readonly Dim[] | null {
  const data = context.data(index);
  if (data) return data;
  const length = context.shape(index)?.[0];
  return typeof length === 'number' && length <= MAX_DATA ? Array.from({ length }, () => null) : null;
}

function constantOfShape(context: RuleContext): Value {
  const fill = context.tensorAttribute('value');
  const elemType = fill?.dataType ?? DataType.FLOAT;
  const shape = shapeFromData(context, 0);
  if (shape === null) return makeValue(elemType, null);
  const count = context.dims.product(shape);
  const element = fill ? constantValue(fill).data?.[0] : 0;
  const data = typeof count === 'number' && count <= MAX_DATA && element !== undefined ? Array.from({ length: count }, () => element) : null;
  return makeValue(elemType, shape, data);
}

function range(context: RuleContext): Value {
  const [start, limit, delta] = [context.data(0)?.[0], context.data(1)?.[0], context.data(2)?.[0]];
  const elemType = context.elemType(0);
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number' && delta !== 0) {
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    const data = count <= MAX_DATA ? Array.from({ length: count }, (_, i) => start + i * delta) : null;
    return makeValue(elemType, [count], data);
  }
  const { dims } = context;
  if (typeof delta === 'number' && delta > 0 && start !== undefined && limit !== undefined) {
    return makeValue(elemType, [dims.ceilDivide(dims.sub(limit, start), delta)]);
  }
  return makeValue(elemType, [null]);
}

function shapeOf(context: RuleContext): Value {
  const shape = context.shape(0);
  if (!shape) return makeValue(DataType.INT64, [null]);
  const clamp = (position: number): number => Math.min(shape.length, Math.max(0, position < 0 ? position + shape.length : position));
  const taken = shape.slice(clamp(context.int('start', 0)), clamp(context.int('end', shape.length)));
  return makeValue(DataType.INT64, [taken.length], taken);
}

function randomOf(context: RuleContext): Value {
  return makeValue(context.int('dtype', DataType.FLOAT), context.ints('shape'));
}

function likeInput(context: RuleContext): Value {
  return makeValue(context.int('dtype', 0) || context.elemType(0), context.shape(0));
}

export const constantRules: readonly ShapeRule[] = [
  defineShapeRule(['Constant'], (context) => [constantOf(context)]),
  defineShapeRule(['ConstantOfShape'], (context) => [constantOfShape(context)]),
  defineShapeRule(['Range'], (context) => [range(context)]),
  defineShapeRule(['Shape'], (context) => [shapeOf(context)]),
  defineShapeRule(['Size'], (context) => {
    const shape = context.shape(0);
    return [makeValue(DataType.INT64, [], shape ? [context.dims.product(shape)] : null)];
  }),
  defineShapeRule(['RandomNormal', 'RandomUniform'], (context) => [randomOf(context)]),
  defineShapeRule(['RandomNormalLike', 'RandomUniformLike', 'EyeLike', 'Bernoulli'], (context) => [likeInput(context)]),
];
