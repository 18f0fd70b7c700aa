/** Files made to do harm, or spoilt on the way: each is refused by its name, in a message that says what and what next. */
import { describe, expect, it } from 'vitest';
import { EdgewiseError, type ErrorCode } from '../../base/errors.ts';
import type { ExternalFiles } from '../../base/ports.ts';
import { bytesSource, float, noExternalFiles } from '../../../test/support/build-model.ts';
import { ascii, branches, entry, external, good, hostileFiles, join, model, nodes, proto, relu, withTensor } from '../../../test/support/hostile-files.ts';
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

/** The file that external data are in. */
const data: ExternalFiles = { open: () => bytesSource(new Uint8Array(64)) };

it('the models that these cases are made from are accepted', () => {
  expect(accept(good).warnings).toEqual([]);
  expect(accept(proto()).warnings).toEqual([]);
  expect(accept(withTensor({ dims: ['2'], data_type: 1, float_data: [1, 2] })).warnings).toEqual([]);
});

describe.each(hostileFiles())('%s', (code, files) => {
  it.each(files.map(([name, bytes, text]) => ({ name, bytes, text })))('$name', ({ bytes, text }) => expectRefusal(code, bytes, text, data));
});

describe('NOT_ONNX', () => {
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
  it('says at which byte', () => expect(refusal(good.subarray(0, good.length - 1)).details).toMatchObject({ byte: expect.any(Number), missing: 1 }));
  it('never accepts a shorter model', () => {
    for (let length = 0; length < good.length; length++) expect(refusal(good.subarray(0, length)).code).not.toBe('INTERNAL');
  });
});

describe('MALFORMED', () => {
  it('says at which byte', () => expect(refusal(join(good, [0, 0])).details).toEqual({ byte: good.length }));
});

describe('TOO_LARGE', () => {
  it('more than 2 GiB in one file, without reading it', () => {
    const source = { size: 2 ** 31, read: () => { throw new Error('it was read'); } };
    expect(() => parseModel(source, noExternalFiles)).toThrowError(expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('external data') }));
  });
  it('limits can be set lower', () => {
    expect(() => parseModel(bytesSource(good), noExternalFiles, { nodes: 0 })).toThrowError(expect.objectContaining({ code: 'TOO_LARGE' }));
  });
});

describe('UNSUPPORTED_VERSION', () => {
  it.each([7, 13, 17, 21, 26])('operator set %i is accepted', (opset) => expect(accept(model({ opset })).warnings).toEqual([]));
  it('the standard domain may be called ai.onnx', () => expect(accept(proto({ opset_import: [{ domain: 'ai.onnx', version: '17' }] })).warnings).toEqual([]));
});

describe('UNSUPPORTED_OP', () => {
  it('a name that every object has', () => expectRefusal('UNSUPPORTED_OP', nodes({ op: 'toString', in: ['x'], out: ['y'] })));
  it('an operator of onnxruntime is accepted', () => expect(accept(model({ nodes: [{ op: 'Gelu', domain: 'com.microsoft', in: ['x'], out: ['y'] }], domains: { 'com.microsoft': 1 } })).warnings).toEqual([]));
  it('an operator that the model defines is accepted', () => {
    const functions = [{ name: 'Magic', domain: 'mine', input: ['a'], output: ['b'], node: [{ op_type: 'Relu', input: ['a'], output: ['b'] }] }];
    expect(accept(proto({ functions }, { node: [{ op_type: 'Magic', domain: 'mine', input: ['x'], output: ['y'] }] })).warnings).toEqual([]);
  });
});

describe('BAD_GRAPH', () => {
  it('a subgraph may read what stands before its node', () => expect(accept(nodes({ op: 'If', in: ['x'], out: ['y'], attrs: branches('x') })).warnings).toEqual([]));
});

describe('BAD_TENSOR', () => {
  it('infinity in a constant that is no weight is a warning (attention masks)', () => {
    expect(accept(model({ nodes: [{ op: 'Add', in: ['x', 'mask'], out: ['y'] }], initializers: { mask: { dims: [1], values: [-Infinity] } } })).warnings).toEqual([expect.stringContaining('mask')]);
  });
  it('a tensor without elements needs no data', () => expect(accept(withTensor({ dims: ['0', '9007199254740991'], data_type: 1 })).warnings).toEqual([]));
});

describe('BAD_ATTRIBUTE', () => {
  it('a right one is accepted', () => expect(accept(nodes({ ...relu, op: 'LeakyRelu', attrs: { alpha: float(1) } })).warnings).toEqual([]));
});

describe('EXTERNAL_BAD and EXTERNAL_FORBIDDEN, as far as the model itself shows it', () => {
  it('a right one is accepted', () => expect(accept(external(entry('location', 'd'), entry('offset', '16'), entry('length', '16')), data).warnings).toEqual([]));
});

describe('UNSAFE_NAME', () => {
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
