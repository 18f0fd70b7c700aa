/**
 * Two readers of one file. What ours checks, onnxruntime reads again with protobuf, which merges what stands twice, cuts integers to 32 bits
 * and leaves out values of enumerations that it does not know. So weights that look internal here could come from a file there. The secret
 * below must not reach an output of any model that our reader lets through.
 */
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EdgewiseError } from '../src/base/errors.ts';
import { seededRandom } from '../src/base/random.ts';
import { createNodeProcessHost } from '../src/console/jobs/node-process-host.ts';
import { withModelFile } from '../src/console/models/model-file.ts';
import { findEntries } from '../src/console/processes/entries.ts';
import { createInferenceRunner, type BenchRunner } from '../src/runtime/index.ts';
import { damagedFields } from './support/damage-fields.ts';

const SECRET = 42.625;
const FUZZED = 1000;

let root: string;
let path: string;
let runner: BenchRunner;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'edgewise-readers-'));
  mkdirSync(join(root, 'model'));
  path = join(root, 'model', 'model.onnx');
  writeFileSync(join(root, 'secret.bin'), new Uint8Array(Float32Array.of(SECRET, SECRET, SECRET, SECRET).buffer));
  // onnxruntime follows hard links, and so shows what it reads.
  linkSync(join(root, 'secret.bin'), join(root, 'model', 'hard.bin'));
  writeFileSync(join(root, 'model', 'plain.bin'), new Uint8Array(16));
  const host = createNodeProcessHost({ ownGroup: false });
  runner = createInferenceRunner({ fork: () => host.fork(findEntries().inferenceChild, []), limits: { quietSeconds: 10 } });
});
afterAll(async () => {
  await runner.dispose();
  rmSync(root, { recursive: true, force: true });
});

type Part = Uint8Array | readonly number[];
const bytes = (...parts: readonly Part[]): Uint8Array => new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));
const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))]);
const field = (number: number, body: Part | string): Uint8Array => {
  const content = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return bytes(varint(number * 8 + 2), varint(content.length), content);
};
/** The varint byte by byte, so that it may be of any width. */
const int = (number: number, ...encoded: readonly number[]): Uint8Array => bytes(varint(number * 8), encoded);

const entry = (key: string, value: string): Uint8Array => field(13, bytes(field(1, key), field(2, value)));
const outside = bytes(entry('location', 'hard.bin'), entry('offset', '0'), entry('length', '16'));
const inside = field(9, new Uint8Array(16));
const head = bytes(int(1, 4), int(2, 1), field(8, 'w'));
const EXTERNAL = int(14, 1);

const value = (name: string): Uint8Array => bytes(field(1, name), field(2, field(1, bytes(int(1, 1), field(2, field(1, int(1, 4)))))));
const node = (op: string, inputs: readonly string[], output: string, attributes: Part = [], domain = ''): Uint8Array =>
  field(1, bytes(...inputs.map((input) => field(1, input)), field(2, output), field(4, op), attributes, domain === '' ? [] : field(7, domain)));
const ports = bytes(field(2, 'g'), field(11, value('x')), field(12, value('y')));
const add = node('Add', ['x', 'w'], 'y');
const model = (graph: Part, ...rest: readonly Part[]): Uint8Array => bytes(int(1, 8), field(7, graph), field(8, int(2, 17)), field(8, bytes(field(1, 'f'), int(2, 1))), ...rest);
const weight = (...parts: readonly Part[]): Uint8Array => model(bytes(add, ports, field(5, bytes(head, ...parts))));
const constant = (...tensors: readonly Uint8Array[]): Uint8Array =>
  model(bytes(node('Constant', [], 'w', field(5, bytes(field(1, 'value'), ...tensors.map((tensor) => field(5, tensor)), int(20, 4)))), add, ports));
const branch = (...graphs: readonly Part[]): Part => bytes(...['then_branch', 'else_branch'].map((name) => field(5, bytes(field(1, name), ...graphs.map((graph) => field(6, graph)), int(20, 5)))));

const cases: readonly (readonly [name: string, code: string, bytes: Uint8Array])[] = [
  ['a hard link', 'EXTERNAL_FORBIDDEN', weight(outside, EXTERNAL)],
  ['a hard link beside data of its own', 'EXTERNAL_FORBIDDEN', weight(inside, outside, EXTERNAL)],
  ['data_location 1, then an unknown 5', 'MALFORMED', weight(inside, outside, EXTERNAL, int(14, 5))],
  ['data_location 2^32 + 1', 'MALFORMED', weight(inside, outside, int(14, 0x81, 0x80, 0x80, 0x80, 0x10))],
  ['data_location 1 - 2^32', 'MALFORMED', weight(inside, outside, int(14, 0x81, 0x80, 0x80, 0x80, 0xf0, 0xff, 0xff, 0xff, 0xff, 1))],
  ['data_location 1 in two bytes', 'EXTERNAL_FORBIDDEN', weight(inside, outside, int(14, 0x81, 0))],
  ['two locations, the good one last', 'EXTERNAL_BAD', weight(outside, entry('location', 'plain.bin'), EXTERNAL)],
  ['two locations, the good one first', 'EXTERNAL_BAD', weight(entry('location', 'plain.bin'), outside, EXTERNAL)],
  ['an attribute of two tensors', 'BAD_ATTRIBUTE', constant(bytes(head, outside, EXTERNAL), bytes(head, inside))],
  ['an attribute of one tensor in two halves', 'BAD_ATTRIBUTE', constant(bytes(head, outside, inside), EXTERNAL)],
  ['an attribute of two graphs', 'BAD_ATTRIBUTE', model(bytes(
    node('If', ['c'], 'y', branch(bytes(field(2, 'b'), field(5, bytes(head, outside, EXTERNAL)), node('Identity', ['w'], 'z'), field(12, value('z'))), [])),
    field(5, bytes(int(2, 9), field(8, 'c'), field(9, [1]))), ports))],
  ['the default of a function\'s attribute', 'EXTERNAL_FORBIDDEN', model(bytes(node('F', ['x'], 'y', [], 'f'), ports), field(25, bytes(
    field(1, 'F'), field(4, 'x'), field(5, 'y'), field(11, bytes(field(1, 'v'), field(5, bytes(head, outside, EXTERNAL)), int(20, 4))),
    field(7, bytes(field(2, 'w'), field(4, 'Constant'), field(5, bytes(field(1, 'value'), field(21, 'v'), int(20, 4))))),
    field(7, bytes(field(1, 'x'), field(1, 'w'), field(2, 'y'), field(4, 'Add'))), field(9, int(2, 17)), field(10, 'f'))))],
];
/** These are right, and bring out what damage does to them. */
const good: readonly Uint8Array[] = [
  weight(inside), weight(inside, outside), weight(inside, outside, EXTERNAL, int(14, 0)), constant(bytes(head, inside, outside)),
  weight(entry('location', 'plain.bin'), entry('length', '16'), EXTERNAL),
];

async function refusal(model: Uint8Array): Promise<string> {
  writeFileSync(path, model);
  try {
    await withModelFile(path, () => {});
    return 'accepted';
  } catch (error) {
    if (!(error instanceof EdgewiseError) || error.code === 'INTERNAL') throw error;
    expect(error.hint ?? '').toMatch(/\w/u);
    return error.code;
  }
}

/** All numbers that the runtime makes of the model at `path`. */
async function outputs(): Promise<number[]> {
  const session = await runner.open(path, { threads: 1 });
  try {
    const zeros = { type: 'float32' as const, dims: [4], bytes: new Uint8Array(16) };
    const feeds = Object.fromEntries(session.inputs.map(({ name }) => [name, zeros]));
    return Object.values(await runner.run(session, feeds)).flatMap((tensor) => [...new Float32Array(Uint8Array.from(tensor.bytes.subarray(0, tensor.bytes.length & ~3)).buffer)]);
  } finally {
    await runner.close(session);
  }
}

describe('weights that look internal to one reader and external to the other', () => {
  it.each(cases)('%s: %s', async (_, code, model) => expect(await refusal(model)).toBe(code));

  it('without the check, the runtime gives the secret away', async () => {
    writeFileSync(path, weight(inside, outside, EXTERNAL));
    expect(await outputs()).toContain(SECRET);
  });

  it.each(good.map((model, index) => [index, model] as const))('a right one, %i, is accepted and has its own numbers', async (_, model) => {
    expect(await refusal(model)).toBe('accepted');
    expect(await outputs()).toEqual([0, 0, 0, 0]);
  });
});

it(`${FUZZED} damaged ones (seeded): what is accepted does not show the secret`, async () => {
  const pool = [...good, ...cases.map(([, , model]) => model)];
  let accepted = 0;
  for (let seed = 0; seed < FUZZED; seed++) {
    const random = seededRandom(seed);
    const pick = (): Uint8Array => pool[Math.floor(random() * pool.length)] as Uint8Array;
    if ((await refusal(damagedFields(pick(), pick(), random))) !== 'accepted') continue;
    accepted++;
    const numbers = await outputs().catch((error: unknown) => {
      expect(error, `seed ${seed}`).toBeInstanceOf(EdgewiseError);
      return [];
    });
    expect(numbers, `seed ${seed}`).not.toContain(SECRET);
  }
  expect(accepted).toBeGreaterThan(FUZZED / 20);
}, 120_000);
