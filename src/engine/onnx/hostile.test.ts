/** Files made to do harm, or spoilt on the way: each is refused by its name, in a message that says what and what next. */
import { describe, expect, it } from 'vitest';
import { EdgewiseError, type ErrorCode } from '../../base/errors.ts';
import type { ExternalFiles } from '../../base/ports.ts';
import { buildModel, bytesSource, float, modelBytes, noExternalFiles, type ModelSpec, type NodeSpec } from '../../../test/support/build-model.ts';
import { encodeWithOracle, type Plain } from '../../../test/support/onnx-proto.ts';
import { checkModel, parseModel, type ModelCheck } from './index.ts';

const accept = (bytes: Uint8Array, files: ExternalFiles = noExternalFiles): ModelCheck => checkModel(parseModel(bytesSource(bytes), files));

function refusal(bytes: Uint8Array, files?: ExternalFiles): EdgewiseError {
  try {
    accept(bytes, files);
  } catch (error) {
    if (error instanceof EdgewiseError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

function expectRefusal(code: ErrorCode, bytes: Uint8Array, text?: RegExp, files?: ExternalFiles): void {
  const error = refusal(bytes, files);
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(text ?? /./)]);
  expect(error.message.length).toBeGreaterThan(20);
  expect(error.message.length).toBeLessThan(600);
  expect(error.hint ?? '').toMatch(/\w{3}/);
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const join = (...parts: (Uint8Array | readonly number[])[]): Uint8Array => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))]);
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);
const field = (number: number, body: Uint8Array | readonly number[]): Uint8Array => join(varint(number * 8 + 2), varint(body.length), body);

const relu: NodeSpec = { op: 'Relu', in: ['x'], out: ['y'] };
const small: ModelSpec = { inputs: { x: [1, 4] }, outputs: ['y'], nodes: [relu] };
const good = modelBytes(buildModel({ ...small, nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }], initializers: { w: { dims: [1, 4], values: [1, 2, 3, 4] } } }));
const model = (changes: Partial<ModelSpec>): Uint8Array => modelBytes(buildModel({ ...small, ...changes }));
const nodes = (...list: NodeSpec[]): Uint8Array => model({ nodes: list });

/** The small model as protobufjs writes it, with parts replaced. */
function proto(changes: Plain = {}, graph: Plain = {}): Uint8Array {
  return encodeWithOracle({
    ir_version: '8', opset_import: [{ version: '17' }],
    graph: { name: 'g', node: [{ op_type: 'Relu', input: ['x'], output: ['y'] }], input: [{ name: 'x', type: { tensor_type: { elem_type: 1 } } }], output: [{ name: 'y' }], ...graph },
    ...changes,
  });
}
const withTensor = (tensor: Plain): Uint8Array => proto({}, { initializer: [{ name: 'w', ...tensor }] });

it('the models that these cases are made from are accepted', () => {
  expect(accept(good).warnings).toEqual([]);
  expect(accept(proto()).warnings).toEqual([]);
  expect(accept(withTensor({ dims: ['2'], data_type: 1, float_data: [1, 2] })).warnings).toEqual([]);
});

describe('NOT_ONNX', () => {
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('NOT_ONNX', bytes, text));

  it('random bytes, in 200 seeds', () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = Uint8Array.from({ length: 64 + seed * 7 }, (_, index) => (Math.imul(index + 1, 2654435761) ^ Math.imul(seed + 1, 40503 + index * index)) >>> 13);
      // One in 256 begins like a model by chance; nobody can tell those from a damaged one.
      if (bytes[0] === 8 || bytes[0] === 0x3a || bytes[0] === 0x12 || bytes[0] === 0x42) continue;
      expect(refusal(bytes).code).toBe('NOT_ONNX');
    }
  });

  it('a Git LFS pointer says what to run', () => {
    expect(refusal(ascii('version https://git-lfs.github.com/spec/v1\n')).hint).toContain('git lfs pull');
  });
});

describe('TRUNCATED', () => {
  it('half of a model', () => expectRefusal('TRUNCATED', good.subarray(0, good.length >> 1), /ends too early/));
  it('a model less its last byte', () => expectRefusal('TRUNCATED', good.subarray(0, good.length - 1)));
  it('a length past the end', () => expectRefusal('TRUNCATED', join([8, 8], [0x3a, 0xff, 0xff, 0x03], new Uint8Array(20))));
  it('says at which byte', () => expect(refusal(good.subarray(0, good.length - 1)).details).toMatchObject({ byte: expect.any(Number), missing: 1 }));
  it('never accepts a shorter model', () => {
    for (let length = 0; length < good.length; length++) expect(refusal(good.subarray(0, length)).code).not.toBe('INTERNAL');
  });
});

describe('MALFORMED', () => {
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('MALFORMED', bytes, text));
  it('says at which byte', () => expect(refusal(join(good, [0, 0])).details).toEqual({ byte: good.length }));
});

describe('TOO_DEEP', () => {
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
  it('200 graphs inside each other', () => expectRefusal('TOO_DEEP', nested(200), /32 levels/));
  it('3,000 graphs inside each other', () => expectRefusal('TOO_DEEP', nested(3000)));
  it('a type of 200 sequences', () => expectRefusal('TOO_DEEP', nestedType(200)));
  const call = (name: string): Plain => ({ op_type: name, domain: 'f', input: ['a'], output: ['b'] });
  const fn = (name: string, ...body: Plain[]): Plain => ({ name, domain: 'f', input: ['a'], output: ['b'], node: body, opset_import: [{ version: '17' }] });
  it('a function that calls itself', () => expectRefusal('TOO_DEEP', proto({ functions: [fn('F', call('F'))] }, { node: [{ op_type: 'F', domain: 'f', input: ['x'], output: ['y'] }] }), /calls itself/));
  it('two functions that call each other', () => expectRefusal('TOO_DEEP', proto({ functions: [fn('F', call('G')), fn('G', call('F'))] })));
  it('a chain of 1,000 functions', () =>
    expectRefusal('TOO_DEEP', proto({ functions: Array.from({ length: 1000 }, (_, i) => fn(`F${i}`, i === 999 ? { op_type: 'Relu', input: ['a'], output: ['b'] } : call(`F${i + 1}`))) })));
});

describe('TOO_LARGE', () => {
  it('more than 2 GiB in one file, without reading it', () => {
    const source = { size: 2 ** 31, read: () => { throw new Error('it was read'); } };
    expect(() => parseModel(source, noExternalFiles)).toThrowError(expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('external data') }));
  });
  it('300,000 initializers', () => {
    const flood = Buffer.concat(Array.from({ length: 300_000 }, (_, index) => field(5, join([8, 0, 16, 1], field(8, ascii(`w${index}`))))));
    expectRefusal('TOO_LARGE', join([8, 8], field(7, flood), field(8, [16, 17])), /100,000 initializers/);
  });
  it('a name of 100 kB', () => expectRefusal('TOO_LARGE', nodes({ ...relu, name: 'n'.repeat(100_000) }), /4,096/));
  it('an output name of 100 kB', () => expectRefusal('TOO_LARGE', nodes({ op: 'Relu', in: ['x'], out: ['n'.repeat(100_000)] })));
  it('a tensor with 65 dimensions', () => expectRefusal('TOO_LARGE', withTensor({ dims: times(65, '1'), data_type: 1, float_data: [1] }), /64 dimensions/));
  it('ten functions that call each other ten times: 10,000 million nodes', () => {
    const functions = Array.from({ length: 10 }, (_, level) => ({
      name: `F${level}`, domain: 'f', input: ['v0'], output: ['v10'],
      node: Array.from({ length: 10 }, (__, index) => ({ op_type: level === 0 ? 'Relu' : `F${level - 1}`, domain: level === 0 ? '' : 'f', input: [`v${index}`], output: [`v${index + 1}`] })),
    }));
    expectRefusal('TOO_LARGE', proto({ functions }, { node: [{ op_type: 'F9', domain: 'f', input: ['x'], output: ['y'] }] }), /10,000,000,000 nodes/);
  });
  it('limits can be set lower', () => {
    expect(() => parseModel(bytesSource(good), noExternalFiles, { nodes: 0 })).toThrowError(expect.objectContaining({ code: 'TOO_LARGE' }));
  });
});

describe('UNSUPPORTED_VERSION', () => {
  const cases: [string, Uint8Array][] = [
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
  it.each(cases)('%s', (_, bytes) => expectRefusal('UNSUPPORTED_VERSION', bytes));
  it.each([7, 13, 17, 21, 26])('operator set %i is accepted', (opset) => expect(accept(model({ opset })).warnings).toEqual([]));
  it('the standard domain may be called ai.onnx', () => expect(accept(proto({ opset_import: [{ domain: 'ai.onnx', version: '17' }] })).warnings).toEqual([]));
});

describe('UNSUPPORTED_OP', () => {
  it('an unknown operator', () => expectRefusal('UNSUPPORTED_OP', nodes({ op: 'Convolve', in: ['x'], out: ['y'] }), /Convolve/));
  it('a name that every object has', () => expectRefusal('UNSUPPORTED_OP', nodes({ op: 'toString', in: ['x'], out: ['y'] })));
  it('an unknown domain', () => expectRefusal('UNSUPPORTED_OP', nodes({ op: 'Magic', domain: 'evil.corp', in: ['x'], out: ['y'] }), /evil\.corp/));
  it('an operator of onnxruntime is accepted', () => expect(accept(model({ nodes: [{ op: 'Gelu', domain: 'com.microsoft', in: ['x'], out: ['y'] }], domains: { 'com.microsoft': 1 } })).warnings).toEqual([]));
  it('an operator that the model defines is accepted', () => {
    const functions = [{ name: 'Magic', domain: 'mine', input: ['a'], output: ['b'], node: [{ op_type: 'Relu', input: ['a'], output: ['b'] }] }];
    expect(accept(proto({ functions }, { node: [{ op_type: 'Magic', domain: 'mine', input: ['x'], output: ['y'] }] })).warnings).toEqual([]);
  });
  it('an unknown operator inside of a function', () => {
    expectRefusal('UNSUPPORTED_OP', proto({ functions: [{ name: 'F', domain: 'mine', input: ['a'], output: ['b'], node: [{ op_type: 'Nope', input: ['a'], output: ['b'] }] }] }));
  });
});

describe('BAD_GRAPH', () => {
  const add = (a: string, b: string, out: string, name = ''): NodeSpec => ({ op: 'Add', in: [a, b], out: [out], name });
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('BAD_GRAPH', bytes, text));
  it('a subgraph may read what stands before its node', () => expect(accept(nodes({ op: 'If', in: ['x'], out: ['y'], attrs: branches('x') })).warnings).toEqual([]));

  function branches(reads: string): NonNullable<NodeSpec['attrs']> {
    const branch = buildModel({ inputs: {}, outputs: ['z'], nodes: [{ op: 'Relu', in: [reads], out: ['z'] }] }).graph;
    return { then_branch: { kind: 'graph', value: branch }, else_branch: { kind: 'graph', value: branch } };
  }
});

describe('BAD_TENSOR', () => {
  const raw = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
  const floats = (...values: number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64');
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('BAD_TENSOR', bytes, text));
  it('infinity in a constant that is no weight is a warning (attention masks)', () => {
    expect(accept(model({ nodes: [{ op: 'Add', in: ['x', 'mask'], out: ['y'] }], initializers: { mask: { dims: [1], values: [-Infinity] } } })).warnings).toEqual([expect.stringContaining('mask')]);
  });
  it('a tensor without elements needs no data', () => expect(accept(withTensor({ dims: ['0', '9007199254740991'], data_type: 1 })).warnings).toEqual([]));

  function weights(value: number): Uint8Array {
    return model({ nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }], initializers: { w: { dims: [4, 1], values: [1, value, 2, 3] } } });
  }
});

describe('BAD_ATTRIBUTE', () => {
  const conv = (attrs: NonNullable<NodeSpec['attrs']>): Uint8Array =>
    model({ inputs: { x: [1, 1, 4, 4] }, nodes: [{ op: 'Conv', in: ['x', 'w'], out: ['y'], attrs }], initializers: { w: { dims: [1, 1, 1, 1], values: [1] } } });
  const attribute = (value: Plain): Uint8Array => proto({}, { node: [{ op_type: 'LeakyRelu', input: ['x'], output: ['y'], attribute: [{ name: 'alpha', ...value }] }] });
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('BAD_ATTRIBUTE', bytes, text));
  it('a right one is accepted', () => expect(accept(nodes({ ...relu, op: 'LeakyRelu', attrs: { alpha: float(1) } })).warnings).toEqual([]));
});

describe('EXTERNAL_BAD and EXTERNAL_FORBIDDEN, as far as the model itself shows it', () => {
  const entry = (key: string, value: string): Plain => ({ key, value });
  const external = (...entries: Plain[]): Uint8Array => withTensor({ dims: ['4'], data_type: 1, data_location: 1, external_data: entries });
  const data: ExternalFiles = { open: () => bytesSource(new Uint8Array(64)) };
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('EXTERNAL_BAD', bytes, text, data));
  it('a right one is accepted', () => expect(accept(external(entry('location', 'd'), entry('offset', '16'), entry('length', '16')), data).warnings).toEqual([]));

  const hidden = { name: 'h', dims: ['1'], data_type: 1, data_location: 1, external_data: [entry('location', 'passwords')] };
  const places: [string, Uint8Array][] = [
    ['a function', proto({ functions: [{ name: 'F', domain: 'f', output: ['b'], node: [{ op_type: 'Constant', output: ['b'], attribute: [{ name: 'value', type: 4, t: hidden }] }] }] })],
    ['a sparse initializer', proto({}, { sparse_initializer: [{ values: hidden, indices: { dims: ['1'], data_type: 7, int64_data: ['0'] }, dims: ['4'] }] })],
    ['a sparse attribute', proto({}, { node: [{ op_type: 'Constant', output: ['y'], attribute: [{ name: 'sparse_value', type: 11, sparse_tensor: { values: hidden, indices: { dims: ['1'], data_type: 7, int64_data: ['0'] }, dims: ['4'] } }] }] })],
    ['training information', proto({ training_info: [{ algorithm: { initializer: [hidden] } }] })],
  ];
  it.each(places)('external data hidden in %s', (_, bytes) => expectRefusal('EXTERNAL_FORBIDDEN', bytes, /passwords/, data));
});

describe('UNSAFE_NAME', () => {
  const cases: [string, Uint8Array, RegExp?][] = [
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
  it.each(cases)('%s', (_, bytes, text) => expectRefusal('UNSAFE_NAME', bytes, text));
  it('the message itself carries nothing that acts', () => {
    expect(refusal(nodes({ ...relu, name: 'a\u202eb\u001b[2J' })).message).toContain('"a\\u202eb\\u001b[2J"');
  });
  it('nor does a message of the reader, which comes before names are looked at', () => {
    expect(refusal(proto({}, { initializer: [{ name: 'a\u202eb\u001b[2J', dims: ['-1'], data_type: 1 }] })).message).toContain('a\\u202eb\\u001b[2J');
  });
  it.each(['model.0/conv:0', 'Überschrift', '层/卷积_1', 'a<b>', 'x > y', 'StatefulPartitionedCall/model/dense'])('an ordinary name, %s, is accepted', (name) => {
    expect(accept(nodes({ ...relu, name })).warnings).toEqual([]);
  });
});
