/**
 * The results of cheap operators on constants. Exact or not at all: movement copies bytes, integers wrap like the runtime's, and float
 * arithmetic is one IEEE operation rounded once. What is not here is left to the runtime.
 */
import { intAttribute, intsAttribute, tensorAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/graph.ts';
import { bitsPerElement, byteLength, bytesOf, elementCount, makeTensor, reshapeTensor, tensorBytes, tensorIntegers } from '../../onnx/tensor.ts';
import { DataType, type NodeData, type Tensor } from '../../onnx/types.ts';
import { isFloat, makeFloats, newFloats, readFloats } from './numbers.ts';

/** Elements of a result at most; more is the runtime's work, or nobody's. Movement has no such bound: the caller bounds bytes. */
const MAX_COMPUTED = 1 << 16;

interface Site {
  readonly node: NodeData;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly opset: number;
}

type Rule = (site: Site) => Tensor | null;

const RULES: Readonly<Record<string, Rule>> = {
  Identity: ({ inputs }) => inputs[0] ?? null,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Flatten: flatten,
  Transpose: transpose,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Cast: cast,
  ConstantOfShape: constantOfShape,
  Add: arithmetic((a, b) => a + b, (a, b) => a + b),
  Sub: arithmetic((a, b) => a - b, (a, b) => a - b),
  Mul: arithmetic((a, b) => a * b, (a, b) => a * b),
  Div: arithmetic((a, b) => a / b, (a, b) => (b === 0n ? null : a / b)),
  Neg: unary((a) => -a),
  Sqrt: unary(Math.sqrt),
  Abs: unary(Math.abs),
  Reciprocal: unary((a) => 1 / a),
};

/** Operators that copy elements: their result is never larger than their inputs. */
export const MOVEMENT: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose', 'Concat', 'Slice']);

/**
 * The one output of a standard operator.
 * @param inputs undefined where an optional input is left out
 * @returns null where this engine does not compute it, or the operands are not as the operator demands
 */
export function evaluateNode(node: Node, inputs: readonly (Tensor | undefined)[], opset: number): Tensor | null {
  const rule = node.domain === '' && node.outputs.length === 1 ? RULES[node.opType] : undefined;
  if (!rule) return null;
  return rule({ node: node as NodeData, inputs, opset });
}

function integers(tensor: Tensor | undefined): number[] | null {
  if (!tensor || (tensor.dataType !== DataType.INT64 && tensor.dataType !== DataType.INT32)) return null;
  return tensorIntegers(tensor).map(Number);
}

/** Axes or the like: an attribute before `since`, an input from then on. */
function listOf(site: Site, name: string, index: number, since: number): number[] | null {
  return site.opset < since ? intsAttribute(site.node, name) : integers(site.inputs[index]);
}

/** Movement is by whole bytes; strings and packed types are left alone. */
function unitOf(tensor: Tensor): number | null {
  const bits = bitsPerElement(tensor.dataType);
  return bits >= 8 && tensor.payload.kind !== 'strings' ? bits / 8 : null;
}

function withShape(tensor: Tensor | undefined, dims: readonly number[]): Tensor | null {
  return tensor && elementCount(dims) === elementCount(tensor.dims) && dims.every((dim) => dim >= 0) ? reshapeTensor(tensor, dims) : null;
}

function reshape(site: Site): Tensor | null {
  const [tensor] = site.inputs;
  const target = integers(site.inputs[1]);
  if (!tensor || !target) return null;
  const zeroCopies = intAttribute(site.node, 'allowzero', 0) === 0;
  const sizes = target.map((size, axis) => (size === 0 && zeroCopies ? (tensor.dims[axis] ?? -2) : size));
  const known = sizes.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  if (sizes.filter((size) => size === -1).length > 1) return null;
  return withShape(tensor, sizes.map((size) => (size === -1 ? (known === 0 ? -2 : elementCount(tensor.dims) / known) : size)));
}

function normalized(axes: readonly number[], rank: number): number[] | null {
  const result = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return result.every((axis) => axis >= 0 && axis < rank) && new Set(result).size === result.length ? result : null;
}

function squeeze(site: Site): Tensor | null {
  const [tensor] = site.inputs;
  if (!tensor) return null;
  const given = listOf(site, 'axes', 1, 13);
  if (given === null && site.inputs[1]) return null;
  const axes = given ? normalized(given, tensor.dims.length) : tensor.dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  if (!axes?.every((axis) => tensor.dims[axis] === 1)) return null;
  return withShape(tensor, tensor.dims.filter((_, axis) => !axes.includes(axis)));
}

function unsqueeze(site: Site): Tensor | null {
  const [tensor] = site.inputs;
  const given = listOf(site, 'axes', 1, 13);
  if (!tensor || !given) return null;
  const rank = tensor.dims.length + given.length;
  const axes = normalized(given, rank);
  if (!axes) return null;
  const rest = [...tensor.dims];
  return withShape(tensor, Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1))));
}

function flatten({ node, inputs: [tensor] }: Site): Tensor | null {
  if (!tensor) return null;
  const given = intAttribute(node, 'axis', 1);
  const axis = given < 0 ? given + tensor.dims.length : given;
  if (axis < 0 || axis > tensor.dims.length) return null;
  return withShape(tensor, [elementCount(tensor.dims.slice(0, axis)), elementCount(tensor.dims.slice(axis))]);
}

function stridesOf(dims: readonly number[]): number[] {
  const strides: number[] = [];
  for (let axis = dims.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= dims[axis] ?? 1;
  }
  return strides;
}

/** A tensor of `dims` whose element at index i is the source's element at start + sum(i_axis * steps_axis). */
function gatherStrided(source: Tensor, dims: readonly number[], steps: readonly number[], start: number): Tensor | null {
  const unit = unitOf(source);
  if (unit === null) return null;
  const from = tensorBytes(source);
  const count = elementCount(dims);
  const to = new Uint8Array(count * unit);
  const index = dims.map(() => 0);
  for (let at = 0, position = start; at < count; at++) {
    const offset = position * unit;
    for (let k = 0; k < unit; k++) to[at * unit + k] = from[offset + k] as number;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      position += steps[axis] as number;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      position -= (steps[axis] as number) * (dims[axis] as number);
      index[axis] = 0;
    }
  }
  return makeTensor(source.name, source.dataType, dims, to);
}

function transpose({ node, inputs: [tensor] }: Site): Tensor | null {
  if (!tensor) return null;
  const perm = intsAttribute(node, 'perm') ?? tensor.dims.map((_, axis) => tensor.dims.length - 1 - axis);
  if (perm.length !== tensor.dims.length || !normalized(perm, tensor.dims.length)) return null;
  const strides = stridesOf(tensor.dims);
  return gatherStrided(tensor, perm.map((axis) => tensor.dims[axis] ?? 1), perm.map((axis) => strides[axis] ?? 0), 0);
}

function slice(site: Site): Tensor | null {
  const [tensor] = site.inputs;
  const old = site.opset < 10;
  const starts = old ? intsAttribute(site.node, 'starts') : integers(site.inputs[1]);
  const ends = old ? intsAttribute(site.node, 'ends') : integers(site.inputs[2]);
  if (!tensor || !starts || !ends || starts.length !== ends.length) return null;
  const givenAxes = old ? intsAttribute(site.node, 'axes') : integers(site.inputs[3]);
  if (!old && site.inputs[3] && !givenAxes) return null;
  const axes = normalized(givenAxes ?? starts.map((_, axis) => axis), tensor.dims.length);
  const steps = !old && site.inputs[4] ? integers(site.inputs[4]) : starts.map(() => 1);
  if (!axes || !steps) return null;
  const dims = [...tensor.dims];
  const strides = stridesOf(tensor.dims);
  const jumps = [...strides];
  let position = 0;
  for (const [i, axis] of axes.entries()) {
    const size = tensor.dims[axis] ?? 0;
    const step = steps[i] ?? 1;
    if (step === 0) return null;
    const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value < 0 ? value + size : value));
    const start = clamp(starts[i] ?? 0, 0, step > 0 ? size : size - 1);
    const end = step > 0 ? clamp(ends[i] ?? 0, 0, size) : clamp(ends[i] ?? 0, -1, size - 1);
    dims[axis] = Math.max(0, Math.ceil((end - start) / step));
    position += start * (strides[axis] ?? 0);
    jumps[axis] = step * (strides[axis] ?? 0);
  }
  return gatherStrided(tensor, dims, jumps, position);
}

function concat({ node, inputs }: Site): Tensor | null {
  const tensors = inputs.filter((tensor) => tensor !== undefined);
  const [first] = tensors;
  if (!first || tensors.length !== inputs.length) return null;
  const rank = first.dims.length;
  const given = intAttribute(node, 'axis', Number.NaN);
  const axis = given < 0 ? given + rank : given;
  const unit = unitOf(first);
  if (unit === null || !(axis >= 0 && axis < rank)) return null;
  if (!tensors.every((tensor) => tensor.dataType === first.dataType && tensor.dims.length === rank && tensor.dims.every((dim, i) => i === axis || dim === first.dims[i]))) return null;
  const total = tensors.reduce((sum, tensor) => sum + (tensor.dims[axis] ?? 0), 0);
  const dims = first.dims.map((dim, i) => (i === axis ? total : dim));
  const to = new Uint8Array(elementCount(dims) * unit);
  const outer = elementCount(dims.slice(0, axis));
  const inner = elementCount(dims.slice(axis + 1)) * unit;
  let offset = 0;
  for (const tensor of tensors) {
    const from = tensorBytes(tensor);
    const run = (tensor.dims[axis] ?? 0) * inner;
    for (let row = 0; row < outer; row++) to.set(from.subarray(row * run, (row + 1) * run), row * total * inner + offset);
    offset += run;
  }
  return makeTensor(first.name, first.dataType, dims, to);
}

function gather({ node, inputs: [tensor, index] }: Site): Tensor | null {
  const picks = integers(index);
  const unit = tensor ? unitOf(tensor) : null;
  if (!tensor || !index || !picks || unit === null) return null;
  const given = intAttribute(node, 'axis', 0);
  const axis = given < 0 ? given + tensor.dims.length : given;
  const size = tensor.dims[axis];
  if (size === undefined) return null;
  const places = picks.map((pick) => (pick < 0 ? pick + size : pick));
  if (places.some((place) => place < 0 || place >= size)) return null;
  const dims = [...tensor.dims.slice(0, axis), ...index.dims, ...tensor.dims.slice(axis + 1)];
  if (elementCount(dims) > MAX_COMPUTED) return null;
  const from = tensorBytes(tensor);
  const outer = elementCount(tensor.dims.slice(0, axis));
  const run = elementCount(tensor.dims.slice(axis + 1)) * unit;
  const to = new Uint8Array(elementCount(dims) * unit);
  for (let row = 0, at = 0; row < outer; row++) {
    for (const place of places) {
      const offset = (row * size + place) * run;
      to.set(from.subarray(offset, offset + run), at);
      at += run;
    }
  }
  return makeTensor(tensor.name, tensor.dataType, dims, to);
}

/** Bits and signedness of the integer types that arithmetic wraps to. */
const INTEGERS: Readonly<Record<number, readonly [bits: number, signed: boolean]>> = {
  [DataType.INT64]: [64, true], [DataType.INT32]: [32, true], [DataType.INT16]: [16, true], [DataType.INT8]: [8, true],
  [DataType.UINT64]: [64, false], [DataType.UINT32]: [32, false], [DataType.UINT16]: [16, false], [DataType.UINT8]: [8, false],
};

/** An integer tensor; values outside of the type wrap around. */
function makeIntegers(name: string, dataType: number, dims: readonly number[], values: readonly bigint[]): Tensor | null {
  const [bits] = INTEGERS[dataType] ?? [];
  if (bits === undefined) return null;
  const unit = bits / 8;
  const bytes = new Uint8Array(values.length * unit);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const wrapped = BigInt.asUintN(bits, value);
    if (unit === 8) view.setBigUint64(i * 8, wrapped, true);
    else if (unit === 4) view.setUint32(i * 4, Number(wrapped), true);
    else if (unit === 2) view.setUint16(i * 2, Number(wrapped), true);
    else view.setUint8(i, Number(wrapped));
  });
  return makeTensor(name, dataType, dims, bytes);
}

function cast({ node, inputs: [tensor] }: Site): Tensor | null {
  const to = intAttribute(node, 'to', 0);
  if (!tensor || elementCount(tensor.dims) > MAX_COMPUTED) return null;
  if (to === tensor.dataType) return tensor;
  const source = isFloat(tensor.dataType) ? readFloats(tensor) : null;
  if (isFloat(to)) {
    if (source) return makeFloats(tensor.name, to, tensor.dims, tensor.dataType === DataType.DOUBLE || to !== DataType.FLOAT16 ? Float64Array.from(source) : source);
    if (tensor.dataType === DataType.BOOL || INTEGERS[tensor.dataType]) {
      const values = tensorIntegers(tensor);
      // Beyond 2^53 a number is rounded once to float64 and again to float32: not exact, not here.
      return values.every((value) => Number.isSafeInteger(Number(value))) ? makeFloats(tensor.name, to, tensor.dims, Float64Array.from(values, Number)) : null;
    }
    return null;
  }
  if (to === DataType.BOOL) {
    const truth = source ? Array.from(source, (value) => value !== 0) : INTEGERS[tensor.dataType] ? tensorIntegers(tensor).map((value) => value !== 0n) : null;
    return truth && makeTensor(tensor.name, to, tensor.dims, Uint8Array.from(truth, Number));
  }
  const range = INTEGERS[to];
  if (!range) return null;
  if (!source) return tensor.dataType === DataType.BOOL || INTEGERS[tensor.dataType] ? makeIntegers(tensor.name, to, tensor.dims, tensorIntegers(tensor)) : null;
  // Float to integer truncates; outside of the type's range the result is the machine's business.
  const [bits, signed] = range;
  const low = signed ? -(2 ** (bits - 1)) : 0;
  const high = signed ? 2 ** (bits - 1) : 2 ** bits;
  const truncated = Array.from(source, Math.trunc);
  return truncated.every((value) => value >= low && value < high) ? makeIntegers(tensor.name, to, tensor.dims, truncated.map(BigInt)) : null;
}

function constantOfShape({ node, inputs }: Site): Tensor | null {
  const dims = integers(inputs[0]);
  if (!dims || dims.some((dim) => dim < 0) || elementCount(dims) > MAX_COMPUTED) return null;
  const fill = tensorAttribute(node, 'value');
  const dataType = fill?.dataType ?? DataType.FLOAT;
  const to = new Uint8Array(byteLength(dataType, dims));
  if (!fill) return makeTensor('', dataType, dims, to);
  const unit = unitOf(fill);
  const element = unit === null ? null : tensorBytes(fill);
  if (unit === null || element?.length !== unit) return null;
  for (let at = 0; at < to.length; at += unit) to.set(element, at);
  return makeTensor('', dataType, dims, to);
}

/** Result shape of two operands after the broadcasting rule; null where they do not fit. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] | null {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return null;
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** For each element of `dims`, the index of the operand's element that it takes. */
function placesIn(operand: readonly number[], dims: readonly number[]): Int32Array {
  const strides = stridesOf(operand);
  const offset = dims.length - operand.length;
  const steps = dims.map((_, axis) => ((operand[axis - offset] ?? 1) === 1 ? 0 : (strides[axis - offset] ?? 0)));
  const places = new Int32Array(elementCount(dims));
  const index = dims.map(() => 0);
  for (let at = 0, position = 0; at < places.length; at++) {
    places[at] = position;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      position += steps[axis] as number;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      position -= (steps[axis] as number) * (dims[axis] as number);
      index[axis] = 0;
    }
  }
  return places;
}

function arithmetic(floats: (a: number, b: number) => number, whole: (a: bigint, b: bigint) => bigint | null): Rule {
  return ({ inputs: [a, b], opset }) => {
    if (!a || !b || opset < 7 || a.dataType !== b.dataType) return null;
    const dims = broadcastDims(a.dims, b.dims);
    if (!dims || elementCount(dims) > MAX_COMPUTED) return null;
    const [left, right] = [placesIn(a.dims, dims), placesIn(b.dims, dims)];
    const [x, y] = [readFloats(a), readFloats(b)];
    if (x && y) {
      const result = newFloats(a.dataType, left.length);
      for (let i = 0; i < left.length; i++) result[i] = floats(x[left[i] as number] as number, y[right[i] as number] as number);
      return makeFloats(a.name, a.dataType, dims, result);
    }
    const [bits] = INTEGERS[a.dataType] ?? [];
    if (bits === undefined) return null;
    const [p, q] = [tensorIntegers(a), tensorIntegers(b)];
    const result: bigint[] = [];
    for (let i = 0; i < left.length; i++) {
      const value = whole(p[left[i] as number] as bigint, q[right[i] as number] as bigint);
      if (value === null) return null;
      result.push(value);
    }
    return makeIntegers(a.name, a.dataType, dims, result);
  };
}

function unary(operate: (a: number) => number): Rule {
  return ({ inputs: [tensor] }) => {
    const values = tensor && elementCount(tensor.dims) <= MAX_COMPUTED ? readFloats(tensor) : null;
    return tensor && values ? makeFloats(tensor.name, tensor.dataType, tensor.dims, Float64Array.from(values, operate)) : null;
  };
}

/** Bytes of a constant in memory. */
export function sizeOf(tensor: Tensor): number {
  return tensor.payload.kind === 'strings' ? tensor.payload.values.reduce((sum, value) => sum + value.length, 0) : byteLength(tensor.dataType, tensor.dims);
}

/** int64 values as a tensor of INT64 or INT32. */
export function integerTensor(name: string, dataType: number, dims: readonly number[], values: readonly number[]): Tensor | null {
  if (dataType === DataType.INT32) return makeTensor(name, dataType, dims, bytesOf(Int32Array.from(values)));
  return dataType === DataType.INT64 ? makeTensor(name, dataType, dims, bytesOf(BigInt64Array.from(values, BigInt))) : null;
}
