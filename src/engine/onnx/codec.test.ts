/**
 * Reading and writing measured against protobufjs: over real models both must see the same, and what ours writes, protobufjs must read as
 * the same message.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildModel, bytesSource, modelBytes, noExternalFiles } from '../../../test/support/build-model.ts';
import { decodeWithOracle, encodeWithOracle, type Plain } from '../../../test/support/onnx-proto.ts';
import { sharedData } from '../../../test/support/shared-data.ts';
import { DataType, encodeModel, floatTensor, makeTensor, parseModel, tensorBytes, type Attribute, type GraphData, type Model, type Tensor } from './index.ts';

const parse = (bytes: Uint8Array): Model => parseModel(bytesSource(bytes), { open: (location) => noExternalFiles.open(location) });
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
const list = (value: unknown): Plain[] => (value ?? []) as Plain[];
const strings = (value: unknown): string[] => (value ?? []) as string[];

/** What protobufjs read, with the same liberties that our reader takes: one name for the standard domain, a type on every attribute. */
function normalized(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(normalized);
  if (typeof message !== 'object' || message === null) return message;
  const result: Plain = {};
  for (const [key, value] of Object.entries(message)) {
    if (key === 'domain' && (value === '' || value === 'ai.onnx')) continue;
    if (value === '' && ['name', 'doc_string', 'producer_name', 'producer_version', 'op_type'].includes(key)) continue;
    if (key === 'model_version' && value === '0') continue;
    result[key] = key === 'opset_import' ? highestOfEachDomain(list(value)) : normalized(value);
  }
  return result;
}

function highestOfEachDomain(opsets: Plain[]): Plain[] {
  const versions = new Map<string, number>();
  for (const { domain, version } of opsets) {
    const name = domain === 'ai.onnx' ? '' : String(domain ?? '');
    versions.set(name, Math.max(versions.get(name) ?? 0, Number(version ?? 0)));
  }
  return [...versions].map(([domain, version]) => (domain ? { domain, version: String(version) } : { version: String(version) }));
}

const TYPED: [string, (values: unknown[]) => ArrayBufferView][] = [
  ['float_data', (values) => Float32Array.from(values as number[])],
  ['double_data', (values) => Float64Array.from(values as number[])],
  ['int64_data', (values) => BigInt64Array.from(values as string[], BigInt)],
];

/** Elements by protobufjs's reading and typed arrays; null for types that this test does not unpack. */
function oracleElements(tensor: Plain): string | null {
  if (tensor['raw_data'] !== undefined) return tensor['raw_data'] as string;
  for (const [field, make] of TYPED) {
    if (tensor[field]) {
      const array = make(tensor[field] as unknown[]);
      return base64(new Uint8Array(array.buffer));
    }
  }
  const type = tensor['data_type'];
  const values = (tensor['int32_data'] ?? tensor['uint64_data']) as (number | string)[] | undefined;
  if (!values) return '';
  if (type === DataType.INT32) return base64(new Uint8Array(Int32Array.from(values as number[]).buffer));
  if (type === DataType.UINT64) return base64(new Uint8Array(BigUint64Array.from(values as string[], BigInt).buffer));
  if (type === DataType.FLOAT16 || type === DataType.INT16 || type === DataType.UINT16) return base64(new Uint8Array(Uint16Array.from(values as number[]).buffer));
  if (type === DataType.INT8 || type === DataType.UINT8 || type === DataType.BOOL) return base64(Uint8Array.from(values as number[]));
  return null;
}

function expectSameTensor(ours: Tensor, theirs: Plain): void {
  expect(ours.name).toBe(theirs['name'] ?? '');
  expect(ours.dataType).toBe(theirs['data_type']);
  expect(ours.dims.map(String)).toEqual(strings(theirs['dims']));
  if (ours.payload.kind === 'external') expect(theirs['data_location']).toBe(1);
  else if (ours.payload.kind === 'strings') expect(ours.payload.values.map(base64)).toEqual(strings(theirs['string_data']));
  else {
    const elements = oracleElements(theirs);
    if (elements !== null) expect(base64(tensorBytes(ours))).toBe(elements);
  }
}

function expectSameAttribute(ours: Attribute, theirs: Plain): void {
  switch (ours.kind) {
    case 'float':
      return expect(ours.value).toBe(theirs['f'] ?? 0);
    case 'int':
      return expect(String(ours.value)).toBe(theirs['i'] ?? '0');
    case 'string':
      return expect(base64(ours.value)).toBe(theirs['s'] ?? '');
    case 'tensor':
      return expectSameTensor(ours.value, theirs['t'] as Plain);
    case 'graph':
      return expectSameGraph(ours.value, theirs['g'] as Plain);
    case 'floats':
      return expect(ours.value).toEqual(theirs['floats'] ?? []);
    case 'ints':
      return expect(ours.value.map(String)).toEqual(theirs['ints'] ?? []);
    case 'strings':
      return expect(ours.value.map(base64)).toEqual(theirs['strings'] ?? []);
    case 'tensors':
      return ours.value.forEach((tensor, index) => expectSameTensor(tensor, list(theirs['tensors'])[index] as Plain));
    case 'graphs':
      return ours.value.forEach((graph, index) => expectSameGraph(graph, list(theirs['graphs'])[index] as Plain));
    case 'opaque':
      return;
  }
}

function expectSameGraph(ours: GraphData, theirs: Plain): void {
  expect(ours.name).toBe(theirs['name'] ?? '');
  const nodes = list(theirs['node']);
  expect(ours.nodes.map((node) => [node.name, node.opType, node.inputs, node.outputs, [...node.attributes.keys()]])).toEqual(
    nodes.map((node) => [node['name'] ?? '', node['op_type'] ?? '', strings(node['input']), strings(node['output']), list(node['attribute']).map((a) => a['name'])]),
  );
  ours.nodes.forEach((node, index) => {
    const attributes = list(nodes[index]?.['attribute']);
    [...node.attributes.values()].forEach((attribute, at) => expectSameAttribute(attribute, attributes[at] as Plain));
  });
  const tensors = list(theirs['initializer']);
  expect([...ours.initializers.keys()]).toEqual(tensors.map((tensor) => tensor['name'] ?? ''));
  [...ours.initializers.values()].forEach((tensor, index) => expectSameTensor(tensor, tensors[index] as Plain));
  for (const [values, field] of [[ours.inputs, 'input'], [ours.outputs, 'output']] as const) {
    expect(values.map((value) => [value.name, value.elemType, value.shape])).toEqual(list(theirs[field]).map(oracleValue));
  }
}

function oracleValue(value: Plain): unknown[] {
  const type = (value['type'] as Plain | undefined)?.['tensor_type'] as Plain | undefined;
  const shape = type?.['shape'] as Plain | undefined;
  const dims = shape === undefined ? null : list(shape['dim']).map((dim) => {
    const number = dim['dim_value'] === undefined ? Number.NaN : Number(dim['dim_value']);
    return number >= 0 ? number : ((dim['dim_param'] as string) || null);
  });
  return [value['name'] ?? '', type?.['elem_type'] ?? 0, dims];
}

/** Attributes of old files have no type; ours writes one. */
function withTypes(message: unknown): unknown {
  return JSON.parse(JSON.stringify(message, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('attribute' in value) || !Array.isArray(value.attribute)) return value;
    return { ...value, attribute: value.attribute.map((attribute: unknown) => (typeof attribute === 'object' ? { type: 'any', ...attribute, ...('type' in (attribute as object) ? { type: 'any' } : {}) } : attribute)) };
  }));
}

describe('the reader and the writer agree with protobufjs', () => {
  const root = sharedData ? join(sharedData, 'models') : '';
  const suites = sharedData ? readdirSync(root) : [];
  it.skipIf(suites.length === 0)('the real models are there (skipped where they are not: EDGEWISE_DATA names their folder)', () => {
    expect(suites.length).toBeGreaterThan(5);
  });
  for (const suite of suites) {
    const files = (readdirSync(join(root, suite), { recursive: true }) as string[]).filter((name) => name.endsWith('.onnx'));
    it(`over the ${files.length} models of ${suite}`, () => {
      for (const file of files) {
        const bytes = new Uint8Array(readFileSync(join(root, suite, file)));
        const theirs = decodeWithOracle(bytes);
        const ours = parse(bytes);
        expect(ours.irVersion, file).toBe(Number(theirs['ir_version'] ?? 0));
        expectSameGraph(ours.graph, theirs['graph'] as Plain);
        const isExternal = [...ours.graph.initializers.values()].some((tensor) => tensor.payload.kind === 'external');
        if (!isExternal) expect(withTypes(normalized(decodeWithOracle(modelBytes(ours)))), file).toEqual(withTypes(normalized(theirs)));
      }
    });
  }
});

describe('what the reader does not know survives', () => {
  /** Field 1000, length-delimited: no version of ONNX has it. */
  const unknown = (text: string): Uint8Array => Uint8Array.from([0xc2, 0x3e, text.length, ...Buffer.from(text)]);
  const message = (field: number, ...parts: Uint8Array[]): Uint8Array => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Uint8Array.from([field * 8 + 2, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
  };
  const text = (field: number, value: string): Uint8Array => Uint8Array.from([field * 8 + 2, value.length, ...Buffer.from(value)]);

  it('unknown fields of the model, the graph, a node, an attribute, a tensor and a value go out again', () => {
    const attribute = message(5, text(1, 'alpha'), Uint8Array.from([21, 0, 0, 0, 63]), Uint8Array.from([0xa0, 1, 1]), unknown('in-attribute'));
    const node = message(1, text(1, 'x'), text(2, 'y'), text(4, 'LeakyRelu'), attribute, unknown('in-node'));
    const tensor = message(5, Uint8Array.from([8, 1, 16, 1]), text(8, 'w'), message(9, new Uint8Array(4)), unknown('in-tensor'));
    const value = message(11, text(1, 'x'), unknown('in-value'));
    const bytes = Buffer.concat([Uint8Array.from([8, 8]), message(7, node, tensor, value, message(12, text(1, 'y')), unknown('in-graph')), message(8, Uint8Array.from([16, 17])), unknown('in-model')]);
    const model = parse(new Uint8Array(bytes));
    expect(model.graph.nodes[0]?.attributes.get('alpha')).toMatchObject({ kind: 'float', value: 0.5 });
    const written = Buffer.from(modelBytes(model)).toString('latin1');
    for (const place of ['in-attribute', 'in-node', 'in-tensor', 'in-value', 'in-graph', 'in-model']) expect(written).toContain(place);
  });

  it('functions, training information, sparse initializers, metadata and annotations go out as they came', () => {
    const graph = { name: 'g', node: [{ op_type: 'Identity', input: ['x'], output: ['y'], overload: 'o', metadata_props: [{ key: 'k', value: 'v' }] }], input: [{ name: 'x' }], output: [{ name: 'y' }] };
    const tensor = { dims: ['1'], data_type: 1, raw_data: 'AAAAAA==', name: 's' };
    const model = {
      ir_version: '10', opset_import: [{ version: '20' }], graph: { ...graph, sparse_initializer: [{ values: tensor, indices: { dims: ['1'], data_type: 7, int64_data: ['0'] }, dims: ['4'] }], quantization_annotation: [{ tensor_name: 'x', quant_parameter_tensor_names: [{ key: 'SCALE_TENSOR', value: 's' }] }], metadata_props: [{ key: 'a', value: 'b' }] },
      metadata_props: [{ key: 'names', value: '{"0": "beans"}' }], functions: [{ name: 'F', domain: 'mine', input: ['a'], output: ['b'], node: [{ op_type: 'Relu', input: ['a'], output: ['b'] }] }], training_info: [{ algorithm: graph }],
    };
    expect(normalized(decodeWithOracle(modelBytes(parse(encodeWithOracle(model)))))).toEqual(normalized(model));
  });
});

/** One bit at a time, then all of them: what a shift by one place too many loses. */
const EVERY_BIT = [...Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)), 2n ** 64n - 1n];

describe('what was changed is written, what was not is copied', () => {
  const model = buildModel({
    inputs: { x: ['N', 3, null] }, outputs: ['y'], initializers: { w: { dims: [3, 2], values: [1, 2, 3, 4, 5, 6] } },
    nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'], attrs: { many: [1, -2, 2 ** 52], half: 0.5, text: 'é' } }],
  });

  it('a model made here reads back as itself', () => {
    const again = parse(modelBytes(model));
    expect(again.graph.inputs[0]).toMatchObject({ name: 'x', elemType: 1, shape: ['N', 3, null] });
    expect(again.graph.nodes[0]?.attributes).toEqual(model.graph.nodes[0]?.attributes);
    expect(base64(tensorBytes(again.graph.initializers.get('w') as Tensor))).toBe(base64(tensorBytes(model.graph.initializers.get('w') as Tensor)));
  });

  it('64-bit integers keep every bit', () => {
    const values = [-1n, 2n ** 63n - 1n, -(2n ** 63n), 0n, 128n, ...EVERY_BIT.map((bit) => BigInt.asIntN(64, bit)), 1_234_567_890_123_456_789n];
    const ints = buildModel({ inputs: { x: [1] }, outputs: ['y'], nodes: [{ op: 'Identity', in: ['x'], out: ['y'], attrs: { all: { kind: 'ints', value: values } } }] });
    expect(parse(modelBytes(ints)).graph.nodes[0]?.attributes.get('all')).toEqual({ kind: 'ints', value: values });
    const node = list((decodeWithOracle(modelBytes(ints))['graph'] as Plain)['node'])[0];
    expect(list(node?.['attribute'])[0]?.['ints']).toEqual(values.map(String));
  });

  it('typed lists of every integer type are read bit by bit', () => {
    const typed: [number, string, string, (number | string)[], ArrayBufferView][] = [
      [DataType.INT64, 'int64_data', 'int64', EVERY_BIT.map((bit) => String(BigInt.asIntN(64, bit))), BigUint64Array.from(EVERY_BIT)],
      [DataType.UINT64, 'uint64_data', 'uint64', EVERY_BIT.map(String), BigUint64Array.from(EVERY_BIT)],
      [DataType.UINT32, 'uint64_data', 'uint32', ['0', '1', '4294967295', '2147483648'], Uint32Array.from([0, 1, 4294967295, 2147483648])],
      [DataType.INT32, 'int32_data', 'int32', [-1, 2147483647, -2147483648, 300], Int32Array.from([-1, 2147483647, -2147483648, 300])],
      [DataType.INT16, 'int32_data', 'int16', [-1, 32767, -32768, 300], Int16Array.from([-1, 32767, -32768, 300])],
      [DataType.INT8, 'int32_data', 'int8', [-1, 127, -128, 3], Int8Array.from([-1, 127, -128, 3])],
      [DataType.UINT8, 'int32_data', 'uint8', [0, 127, 128, 255], Uint8Array.from([0, 127, 128, 255])],
      [DataType.FLOAT16, 'int32_data', 'float16', [0x3c00, 0xffff, 0x8000], Uint16Array.from([0x3c00, 0xffff, 0x8000])],
      [DataType.BOOL, 'int32_data', 'bool', [0, 1, 1], Uint8Array.from([0, 1, 1])],
    ];
    const initializer = typed.map(([type, field, name, values]) => ({ name, data_type: type, dims: [String(values.length)], [field]: values }));
    // Four 4-bit elements in two bytes, low half first.
    const packed = { name: 'int4', data_type: DataType.INT4, dims: ['4'], int32_data: [0x21, 0x43] };
    const { initializers } = parse(encodeWithOracle({ ir_version: '10', graph: { name: 'g', initializer: [...initializer, packed] } })).graph;
    for (const [, , name, , expected] of typed) {
      expect(base64(tensorBytes(initializers.get(name) as Tensor)), name).toBe(base64(new Uint8Array(expected.buffer)));
    }
    expect([...tensorBytes(initializers.get('int4') as Tensor)]).toEqual([0x21, 0x43]);
  });

  it('typed lists that are not packed are gathered', () => {
    const tensor = [0x08, 2, 0x10, 1, 0x42, 1, 0x77, 0x25, 0, 0, 0x80, 0x3f, 0x25, 0, 0, 0, 0x40];
    const graph = [0x2a, tensor.length, ...tensor];
    const w = parse(Uint8Array.from([8, 8, 0x3a, graph.length, ...graph])).graph.initializers.get('w') as Tensor;
    expect([...new Float32Array(tensorBytes(w).slice().buffer)]).toEqual([1, 2]);
  });

  it('a tensor whose payload was replaced while its old bytes were kept is written anew (a pass that spreads a tensor)', () => {
    const again = parse(modelBytes(model));
    const w = again.graph.initializers.get('w') as Tensor;
    const halved = floatTensor('w', [3, 2], Float32Array.from([9, 9, 9, 9, 9, 9]));
    again.graph.initializers.set('w', { ...w, payload: halved.payload });
    expect(base64(tensorBytes(parse(modelBytes(again)).graph.initializers.get('w') as Tensor))).toBe(base64(tensorBytes(halved)));
  });

  it('a value whose shape was replaced while its old bytes were kept is written anew', () => {
    const again = parse(modelBytes(model));
    const input = again.graph.inputs[0];
    if (!input) throw new Error('no input');
    again.graph.inputs[0] = { ...input, shape: [1, 3, 5] };
    expect(parse(modelBytes(again)).graph.inputs[0]?.shape).toEqual([1, 3, 5]);
  });

  it('large weights leave as views on the file, never copied', () => {
    const big = buildModel({ inputs: { x: [1] }, outputs: ['y'], initializers: { w: { dims: [100_000], values: new Float32Array(100_000) } }, nodes: [{ op: 'Add', in: ['x', 'w'], out: ['y'] }] });
    const file = modelBytes(big);
    const chunks = [...encodeModel(parse(file)).chunks];
    expect(chunks.some((chunk) => chunk.buffer === file.buffer && chunk.length >= 400_000)).toBe(true);
  });

  it('the announced length is the length, and chunks can be taken twice', () => {
    const encoding = encodeModel(model);
    for (let round = 0; round < 2; round++) expect([...encoding.chunks].reduce((sum, chunk) => sum + chunk.length, 0)).toBe(encoding.byteLength);
  });
});

describe('external data', () => {
  const values = Float32Array.from({ length: 2000 }, (_, index) => index);
  const model = buildModel({
    inputs: { x: [2000] }, outputs: ['z'], initializers: { small: { dims: [1], values: [1] }, a: { dims: [2000], values }, b: { dims: [2000], values: values.map((v) => -v) } },
    nodes: [{ op: 'Add', in: ['x', 'a'], out: ['y'] }, { op: 'Mul', in: ['y', 'b'], out: ['q'] }, { op: 'Mul', in: ['q', 'small'], out: ['z'] }],
  });
  const out = encodeModel(model, { externalTensors: { location: 'model.onnx.data', threshold: 1024 } });
  const data = Buffer.concat([...(out.external?.chunks ?? [])]);
  const files = { open: (location: string) => (location === 'model.onnx.data' ? bytesSource(new Uint8Array(data)) : noExternalFiles.open(location)) };
  const read = (): Model => parseModel(bytesSource(new Uint8Array(Buffer.concat([...out.chunks]))), files);

  it('tensors from the threshold on go to the second file, aligned, and read back', () => {
    const tensors = read().graph.initializers;
    expect(tensors.get('small')?.payload.kind).toBe('raw');
    for (const name of ['a', 'b']) {
      const tensor = tensors.get(name) as Tensor;
      expect(tensor.payload.kind).toBe('external');
      if (tensor.payload.kind === 'external') expect(tensor.payload.offset % 64).toBe(0);
      expect(base64(tensorBytes(tensor))).toBe(base64(tensorBytes(model.graph.initializers.get(name) as Tensor)));
    }
    expect(data.length).toBe(out.external?.byteLength);
  });

  it('is taken into the one file when written without the option', () => {
    expect(normalized(decodeWithOracle(modelBytes(read())))).toEqual(normalized(decodeWithOracle(modelBytes(model))));
  });

  it('a model beyond 2 GiB says to write external data', () => {
    const bytes = new Uint8Array(2 ** 26);
    const huge = buildModel({ inputs: { x: [1] }, outputs: ['x'], nodes: [] });
    for (let i = 0; i < 33; i++) huge.graph.initializers.set(`w${i}`, makeTensor(`w${i}`, DataType.UINT8, [bytes.length], bytes));
    expect(() => encodeModel(huge)).toThrowError(expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('external data') }));
    const split = encodeModel(huge, { externalTensors: { location: 'd', threshold: 1024 } });
    expect(split.byteLength).toBeLessThan(10_000);
    expect(split.external?.byteLength).toBe(33 * 2 ** 26);
  });
});
