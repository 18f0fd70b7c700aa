/**
 * Files made to do harm, or spoilt on the way, by the code of the error that each must end in. Every one is refused from the file alone,
 * before anything runs; what harms only when it is run is in hostile-models.ts.
 */
import type { ErrorCode } from '../../src/base/errors.ts';
import { buildModel, modelBytes, type ModelSpec, type NodeSpec } from './build-model.ts';
import { encodeWithOracle, type Plain } from './onnx-proto.ts';

/** Name, bytes, and what the message must say. */
export type HostileFile = readonly [name: string, bytes: Uint8Array, text?: RegExp];

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
export const join = (...parts: (Uint8Array | readonly number[])[]): Uint8Array => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))]);
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const field = (number: number, body: Uint8Array | readonly number[]): Uint8Array => join(varint(number * 8 + 2), varint(body.length), body);

export const relu: NodeSpec = { op: 'Relu', in: ['x'], out: ['y'] };
const small: ModelSpec = { inputs: { x: [1, 4] }, outputs: ['y'], nodes: [relu] };
export const good = modelBytes(buildModel({ ...small, nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }], initializers: { w: { dims: [1, 4], values: [1, 2, 3, 4] } } }));
export const model = (changes: Partial<ModelSpec>): Uint8Array => modelBytes(buildModel({ ...small, ...changes }));
export const nodes = (...list: NodeSpec[]): Uint8Array => model({ nodes: list });

/** The small model as protobufjs writes it, with parts replaced. */
export function proto(changes: Plain = {}, graph: Plain = {}): Uint8Array {
  return encodeWithOracle({
    ir_version: '8', opset_import: [{ version: '17' }],
    graph: { name: 'g', node: [{ op_type: 'Relu', input: ['x'], output: ['y'] }], input: [{ name: 'x', type: { tensor_type: { elem_type: 1 } } }], output: [{ name: 'y' }], ...graph },
    ...changes,
  });
}
export const withTensor = (tensor: Plain): Uint8Array => proto({}, { initializer: [{ name: 'w', ...tensor }] });

/** A condition whose branches read a value. */
export function branches(reads: string): NonNullable<NodeSpec['attrs']> {
  const branch = buildModel({ inputs: {}, outputs: ['z'], nodes: [{ op: 'Relu', in: [reads], out: ['z'] }] }).graph;
  return { then_branch: { kind: 'graph', value: branch }, else_branch: { kind: 'graph', value: branch } };
}

/** External data as the model describes it; the file "d" that most of them name has 64 bytes. */
export const entry = (key: string, value: string): Plain => ({ key, value });
export const external = (...entries: Plain[]): Uint8Array => withTensor({ dims: ['4'], data_type: 1, data_location: 1, external_data: entries });

const GROUPS: Readonly<Partial<Record<ErrorCode, () => HostileFile[]>>> = {
  NOT_ONNX() {
    return [
      ['an empty file', new Uint8Array(0), /empty/],
      ['a text', ascii('This is a note about a model.\n'), /text/],
      ['a text in Chinese', ascii('这是一个说明文件，不是模型。\n'), /text/],
      ['JSON', ascii('{"model": 1}')],
      ['a zip archive', join(ascii('PK'), [3, 4, 20, 0, 0, 0]), /zip/],
      ['a gzip archive', Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0]), /gzip/],
      ['a web page', ascii('<!DOCTYPE html><html><body>Sign in</body></html>'), /HTML/],
      ['a web page after a byte order mark', join([0xef, 0xbb, 0xbf], ascii('\n<html lang="en">')), /HTML/],
      ['a Git LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'), /Git LFS/],
      ['a TensorFlow Lite model', join([28, 0, 0, 0], ascii('TFL3'), [0, 0]), /TensorFlow Lite/],
      ['a Keras HDF5 file', join([0x89], ascii('HDF\r\n'), [0x1a, 10]), /HDF5/],
      ['a PNG picture', join([0x89], ascii('PNG\r\n'), [0x1a, 10]), /picture/],
      ['bytes of zero', new Uint8Array(1000)],
      ['a message without graph and operator set', Uint8Array.from([8, 8])],
    ];
  },
  TRUNCATED() {
    return [
      ['half of a model', good.subarray(0, good.length >> 1), /ends too early/],
      ['a model less its last byte', good.subarray(0, good.length - 1)],
      ['a length past the end', join([8, 8], [0x3a, 0xff, 0xff, 0x03], new Uint8Array(20))],
    ];
  },
  MALFORMED() {
    return [
      ['trailing bytes of zero', join(good, [0, 0, 0, 0]), /field number 0/],
      ['trailing text', join(good, ascii('garbage'))],
      ['a trailing field that runs past the end', join(good, [0xfa, 1, 100, 1, 2]), /no part of a model/],
      ['a 64-bit length', join([8, 8], [0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], new Uint8Array(20)), /2 GiB/],
      ['an integer of 11 bytes', join([8, 8, 0x28], times(10, 0xff), [1], [0x3a, 0]), /10 bytes/],
      ['a length of 11 bytes', join([8, 8, 0x3a], times(10, 0x80), [1])],
      ['field number 0', join([8, 8], [2, 0], good.subarray(2)), /field number 0/],
      ['a tag beyond 32 bits', join(good, [0xff, 0xff, 0xff, 0xff, 0xff, 1])],
      ['a flood of groups', join([8, 8], times(10_000, 0x3b)), /group/],
      ['an end of a group', join(good, [0x3c]), /group/],
      ['wire type 6', join(good, [0x3e, 0])],
      ['bad UTF-8 in a name', join([8, 8], field(7, field(2, [0xff, 0xfe])), field(8, [16, 17])), /UTF-8/],
      ['a lone surrogate in a name', join([8, 8], field(7, field(2, [0xed, 0xa0, 0x80])), field(8, [16, 17])), /UTF-8/],
      ['two graphs', join(good, field(7, [])), /second graph/],
      ['a graph that is a number', Uint8Array.from([8, 8, 0x38, 1]), /wire type/],
      ['a part longer than what holds it', join([8, 8], field(7, [0x12, 5, 65]), field(8, [16, 17])), /past the end of the message/],
      ['packed floats cut off', join([8, 8], field(7, field(1, field(5, join(field(1, ascii('a')), field(7, [0, 0, 0]))))), field(8, [16, 17]))],
    ];
  },
  TOO_DEEP() {
    const nested = (levels: number): Uint8Array => {
      let graph: Uint8Array = new Uint8Array(0);
      for (let level = 0; level < levels; level++) graph = field(1, field(5, join(field(1, ascii('g')), field(6, graph), [0xa0, 1, 5])));
      return join([8, 8], field(7, graph), field(8, [16, 17]));
    };
    const nestedType = (levels: number): Uint8Array => {
      let type: Uint8Array = field(1, [8, 1]);
      for (let level = 0; level < levels; level++) type = field(4, field(1, type));
      return join([8, 8], field(7, field(11, join(field(1, ascii('x')), field(2, type)))), field(8, [16, 17]));
    };
    const call = (name: string): Plain => ({ op_type: name, domain: 'f', input: ['a'], output: ['b'] });
    const fn = (name: string, ...body: Plain[]): Plain => ({ name, domain: 'f', input: ['a'], output: ['b'], node: body, opset_import: [{ version: '17' }] });
    return [
      ['200 graphs inside each other', nested(200), /32 levels/],
      ['3,000 graphs inside each other', nested(3000)],
      ['a type of 200 sequences', nestedType(200)],
      ['a function that calls itself', proto({ functions: [fn('F', call('F'))] }, { node: [{ op_type: 'F', domain: 'f', input: ['x'], output: ['y'] }] }), /calls itself/],
      ['two functions that call each other', proto({ functions: [fn('F', call('G')), fn('G', call('F'))] })],
      ['a chain of 1,000 functions', proto({ functions: Array.from({ length: 1000 }, (_, i) => fn(`F${i}`, i === 999 ? { op_type: 'Relu', input: ['a'], output: ['b'] } : call(`F${i + 1}`))) })],
    ];
  },
  TOO_LARGE() {
    const flood = Buffer.concat(Array.from({ length: 300_000 }, (_, index) => field(5, join([8, 0, 16, 1], field(8, ascii(`w${index}`))))));
    const functions = Array.from({ length: 10 }, (_, level) => ({
      name: `F${level}`, domain: 'f', input: ['v0'], output: ['v10'],
      node: Array.from({ length: 10 }, (__, index) => ({ op_type: level === 0 ? 'Relu' : `F${level - 1}`, domain: level === 0 ? '' : 'f', input: [`v${index}`], output: [`v${index + 1}`] })),
    }));
    return [
      ['300,000 initializers', join([8, 8], field(7, flood), field(8, [16, 17])), /100,000 initializers/],
      ['a name of 100 kB', nodes({ ...relu, name: 'n'.repeat(100_000) }), /4,096/],
      ['an output name of 100 kB', nodes({ op: 'Relu', in: ['x'], out: ['n'.repeat(100_000)] })],
      ['a tensor with 65 dimensions', withTensor({ dims: times(65, '1'), data_type: 1, float_data: [1] }), /64 dimensions/],
      ['ten functions that call each other ten times: 10,000 million nodes', proto({ functions }, { node: [{ op_type: 'F9', domain: 'f', input: ['x'], output: ['y'] }] }), /10,000,000,000 nodes/],
    ];
  },
  UNSUPPORTED_VERSION() {
    return [
      ['IR version missing', proto({ ir_version: undefined })],
      ['IR version 9999', proto({ ir_version: '9999' })],
      ['IR version -1', proto({ ir_version: '-1' })],
      ['IR version 2', proto({ ir_version: '2' })],
      ['no operator set', proto({ opset_import: [] })],
      ['no standard operator set', proto({ opset_import: [{ domain: 'com.microsoft', version: '1' }] })],
      ['operator set without a version', proto({ opset_import: [{ domain: '' }] })],
      ['operator set -1', proto({ opset_import: [{ version: '-1' }] })],
      ['operator set 6', proto({ opset_import: [{ version: '6' }] })],
      ['operator set 27', proto({ opset_import: [{ version: '27' }] })],
      ['operator set 999', proto({ opset_import: [{ version: '999' }] })],
    ];
  },
  UNSUPPORTED_OP() {
    return [
      ['an unknown operator', nodes({ op: 'Convolve', in: ['x'], out: ['y'] }), /Convolve/],
      ['a name that every object has', nodes({ op: 'toString', in: ['x'], out: ['y'] })],
      ['an unknown domain', nodes({ op: 'Magic', domain: 'evil.corp', in: ['x'], out: ['y'] }), /evil\.corp/],
      ['an unknown operator inside of a function', proto({ functions: [{ name: 'F', domain: 'mine', input: ['a'], output: ['b'], node: [{ op_type: 'Nope', input: ['a'], output: ['b'] }] }] })],
    ];
  },
  BAD_GRAPH() {
    const add = (a: string, b: string, out: string, name = ''): NodeSpec => ({ op: 'Add', in: [a, b], out: [out], name });
    return [
      ['no graph', encodeWithOracle({ ir_version: '8', opset_import: [{ version: '17' }] }), /no graph/],
      ['an empty graph', encodeWithOracle({ ir_version: '8', opset_import: [{ version: '17' }], graph: {} }), /empty/],
      ['no nodes', proto({}, { node: [] })],
      ['no outputs', proto({}, { output: [] })],
      ['a cycle of two', nodes(add('x', 'b', 'a'), add('x', 'a', 'b'), add('a', 'b', 'y')), /cycle/],
      ['a self-loop', nodes(add('x', 'y', 'y')), /its own output/],
      ['nodes out of order', nodes({ op: 'Relu', in: ['a'], out: ['y'] }, { op: 'Relu', in: ['x'], out: ['a'] }), /not in order/],
      ['two nodes with one output', nodes(relu, { op: 'Sigmoid', in: ['x'], out: ['y'] }), /made twice/],
      ['one node with one output twice', nodes({ op: 'Split', in: ['x'], out: ['y', 'y'] })],
      ['two initializers of one name', proto({}, { initializer: [1, 2].map((value) => ({ name: 'w', dims: ['1'], data_type: 1, float_data: [value] })) }), /Two initializers/],
      ['two nodes of one name', nodes({ op: 'Relu', in: ['x'], out: ['a'], name: 'n' }, { op: 'Relu', in: ['a'], out: ['y'], name: 'n' }), /Two nodes/],
      ['two inputs of one name', proto({}, { input: [{ name: 'x' }, { name: 'x' }] })],
      ['two outputs of one name', proto({}, { output: [{ name: 'y' }, { name: 'y' }] })],
      ['a node makes what is an input', nodes({ op: 'Relu', in: ['x'], out: ['x'] }, relu)],
      ['a missing input', nodes(add('x', 'nowhere', 'y')), /nowhere/],
      ['a ghost output', model({ outputs: ['y', 'ghost'] }), /ghost/],
      ['an input of element type 99', proto({}, { input: [{ name: 'x', type: { tensor_type: { elem_type: 99 } } }] }), /element type 99/],
      ['an output without a name', proto({}, { output: [{ name: 'y' }, {}] })],
      ['a node without an operator', nodes({ op: '', in: ['x'], out: ['y'] })],
      ['a subgraph that reads nothing there is', nodes({ op: 'If', in: ['x'], out: ['y'], attrs: branches('lost') }), /lost/],
      ['a function body that reads nothing there is', proto({ functions: [{ name: 'F', domain: 'm', input: ['a'], output: ['b'], node: [{ op_type: 'Relu', input: ['q'], output: ['b'] }] }] })],
    ];
  },
  BAD_TENSOR() {
    const raw = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
    const floats = (...values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');
    function weights(value: number): Uint8Array {
      return model({ nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }], initializers: { w: { dims: [4, 1], values: [1, value, 2, 3] } } });
    }
    return [
      ['a negative dimension', withTensor({ dims: ['-1'], data_type: 1, raw_data: raw(4) }), /negative/],
      ['a product of dimensions that overflows', withTensor({ dims: ['4294967296', '4294967296'], data_type: 1, raw_data: raw(4) }), /overflow/],
      ['a product that overflows behind a small one', withTensor({ dims: ['2147483647', '2147483647', '3'], data_type: 11, raw_data: raw(8) }), /overflow/],
      ['a dimension of 2^63 - 1', withTensor({ dims: ['9223372036854775807'], data_type: 1, raw_data: raw(4) })],
      ['raw data too short', withTensor({ dims: ['4'], data_type: 1, raw_data: raw(12) }), /12 bytes/],
      ['raw data too long', withTensor({ dims: ['4'], data_type: 1, raw_data: raw(20) }), /20 bytes/],
      ['no data', withTensor({ dims: ['4'], data_type: 1 }), /0 bytes/],
      ['an empty list of integers', withTensor({ dims: ['4'], data_type: 7 })],
      ['too few integers', withTensor({ dims: ['4'], data_type: 7, int64_data: ['1', '2'] }), /2 elements/],
      ['too many integers', withTensor({ dims: ['1'], data_type: 6, int32_data: [1, 2] })],
      ['element type 0', withTensor({ dims: ['1'], data_type: 0, raw_data: raw(4) }), /element type 0/],
      ['element type 99', withTensor({ dims: ['1'], data_type: 99, raw_data: raw(4) }), /element type 99/],
      ['strings as raw data', withTensor({ dims: ['1'], data_type: 8, raw_data: raw(4) }), /strings as raw_data/],
      ['too few strings', withTensor({ dims: ['2'], data_type: 8, string_data: ['YQ=='] })],
      ['elements in the list of another type', withTensor({ dims: ['1'], data_type: 1, int64_data: ['1'] }), /another type/],
      ['elements twice', withTensor({ dims: ['1'], data_type: 1, raw_data: raw(4), float_data: [1] }), /twice/],
      ['NaN', withTensor({ dims: ['2'], data_type: 1, raw_data: floats(1, Number.NaN) }), /NaN/],
      ['NaN in half precision', withTensor({ dims: ['2'], data_type: 10, raw_data: Buffer.from([0, 0x3c, 1, 0x7c]).toString('base64') }), /NaN/],
      ['NaN in double precision', withTensor({ dims: ['1'], data_type: 11, double_data: [Number.NaN] }), /NaN/],
      ['infinity in a weight', weights(Infinity), /infinity/],
      ['minus infinity in a weight', weights(-Infinity), /infinity/],
    ];
  },
  BAD_ATTRIBUTE() {
    const conv = (attrs: NonNullable<NodeSpec['attrs']>): Uint8Array =>
      model({ inputs: { x: [1, 1, 4, 4] }, nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], attrs }], initializers: { w: { dims: [1, 1, 1, 1], values: [1] } } });
    const attribute = (value: Plain): Uint8Array => proto({}, { node: [{ op_type: 'LeakyRelu', input: ['x'], output: ['y'], attribute: [{ name: 'alpha', ...value }] }] });
    return [
      ['the wrong type for its operator', conv({ strides: 'two' }), /strides.*list of integers.*string/],
      ['an integer where a float is due', attribute({ type: 2, i: '1' }), /alpha.*float/],
      ['a type and a value that differ', attribute({ type: 2, f: 1 })],
      ['type 99', attribute({ type: 99, f: 1 }), /type 99/],
      ['a tensor that is not there', attribute({ type: 4 })],
      ['a value beside its own', attribute({ type: 1, f: 1, t: { dims: ['1'], data_type: 1, float_data: [1] } }), /two types/],
      ['given twice', proto({}, { node: [{ op_type: 'LeakyRelu', input: ['x'], output: ['y'], attribute: [1, 2].map((f) => ({ name: 'alpha', type: 1, f })) }] }), /twice/],
      ['stride 0', conv({ strides: [0, 1] }), /strides.*0/],
      ['group 0', conv({ group: 0 }), /group/],
      ['group -1', conv({ group: -1 })],
      ['kernel 0', conv({ kernel_shape: [0, 0] }), /kernel_shape/],
      ['dilation 0', conv({ dilations: [1, 0] })],
      ['block size 0', nodes({ op: 'DepthToSpace', in: ['x'], out: ['y'], attrs: { blocksize: 0 } })],
      ['kernel 0 of a pool', nodes({ op: 'MaxPool', in: ['x'], out: ['y'], attrs: { kernel_shape: [0, 0] } })],
      ['a condition without branches', nodes({ op: 'If', in: ['x'], out: ['y'] }), /then_branch.*missing/],
    ];
  },
  EXTERNAL_BAD() {
    return [
      ['no file named', external(), /which file/],
      ['an empty name', external(entry('location', '')), /which file/],
      ['a negative offset', external(entry('location', 'd'), entry('offset', '-16')), /negative/],
      ['a huge offset', external(entry('location', 'd'), entry('offset', '99999999999999999999')), /larger than any file/],
      ['an offset that is no number', external(entry('location', 'd'), entry('offset', 'ten')), /not a number/],
      ['a negative length', external(entry('location', 'd'), entry('length', '-1')), /negative/],
      ['a huge length', external(entry('location', 'd'), entry('length', '9007199254740993')), /larger than any file/],
      ['a length that is no number', external(entry('location', 'd'), entry('length', '0x10')), /not a number/],
      ['a length that does not fit the shape', external(entry('location', 'd'), entry('length', '8')), /8 bytes/],
      ['an offset past the end', external(entry('location', 'd'), entry('offset', '128')), /which has 64/],
      ['an end past the end', external(entry('location', 'd'), entry('offset', '60')), /which has 64/],
    ];
  },
  EXTERNAL_FORBIDDEN() {
    const hidden = { name: 'h', dims: ['1'], data_type: 1, data_location: 1, external_data: [entry('location', 'passwords')] };
    return [
      ['a function', proto({ functions: [{ name: 'F', domain: 'f', output: ['b'], node: [{ op_type: 'Constant', output: ['b'], attribute: [{ name: 'value', type: 4, t: hidden }] }] }] })],
      ['a sparse initializer', proto({}, { sparse_initializer: [{ values: hidden, indices: { dims: ['1'], data_type: 7, int64_data: ['0'] }, dims: ['4'] }] })],
      ['a sparse attribute', proto({}, { node: [{ op_type: 'Constant', output: ['y'], attribute: [{ name: 'sparse_value', type: 11, sparse_tensor: { values: hidden, indices: { dims: ['1'], data_type: 7, int64_data: ['0'] }, dims: ['4'] } }] }] })],
      ['training information', proto({ training_info: [{ algorithm: { initializer: [hidden] } }] })],
    ];
  },
  UNSAFE_NAME() {
    return [
      ['a script tag as a node name', nodes({ ...relu, name: '<script>alert(1)</script>' }), /tag/],
      ['an image tag as a value', nodes({ op: 'Relu', in: ['x'], out: ['<img src=x onerror=alert(1)>'] }, { op: 'Relu', in: ['<img src=x onerror=alert(1)>'], out: ['y'] })],
      ['a bidirectional override', nodes({ ...relu, name: 'safe\u202eexe.xnno' }), /direction/],
      ['a bidirectional isolate', nodes({ ...relu, name: 'a\u2066b' })],
      ['an escape sequence of a terminal', nodes({ ...relu, name: '\u001b[2J' }), /control/],
      ['a zero byte', nodes({ ...relu, name: 'a\u0000b' })],
      ['__proto__ as an input', proto({}, { input: [{ name: '__proto__' }], node: [{ op_type: 'Relu', input: ['__proto__'], output: ['y'] }] }), /__proto__/],
      ['constructor as an output', proto({}, { output: [{ name: 'constructor' }], node: [{ op_type: 'Relu', input: ['x'], output: ['constructor'] }] })],
      ['prototype as a dimension', proto({}, { input: [{ name: 'x', type: { tensor_type: { elem_type: 1, shape: { dim: [{ dim_param: 'prototype' }] } } } }] })],
      ['__proto__ as a value', proto({}, { node: [{ op_type: 'Relu', input: ['x'], output: ['__proto__'] }, { op_type: 'Relu', input: ['__proto__'], output: ['y'] }] })],
      ['a script tag in the producer', proto({ producer_name: '<script src=//x>' })],
      ['a script tag inside of a function', proto({ functions: [{ name: 'F', domain: 'f', input: ['a'], output: ['b'], node: [{ op_type: 'Relu', input: ['a'], output: ['b'], name: '<script>' }] }] })],
    ];
  },
};

/** By code, made when asked for. */
export function hostileFiles(): readonly (readonly [code: ErrorCode, files: readonly HostileFile[]])[] {
  return Object.entries(GROUPS).map(([code, make]) => [code as ErrorCode, make()]);
}
