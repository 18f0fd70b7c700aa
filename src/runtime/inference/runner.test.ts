/** The runner over a real child process: what crosses, what is named when it goes wrong, and that nothing is left behind. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, modelBytes, type ModelSpec } from '../../../test/support/build-model.ts';
import { EdgewiseError } from '../../base/errors.ts';
import type { TensorElementType, TensorValue } from '../../base/ports.ts';
import { DataType, int64Tensor, makeTensor } from '../../engine/onnx/index.ts';
import { forkInferenceChild } from '../testing/fork-child.ts';
import { createInferenceRunner, type BenchRunner, type InferenceRunnerOptions } from './runner.ts';

let folder: string;
const runners: BenchRunner[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgewise-runner-'));
});

afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.dispose()));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Watched {
  readonly runner: BenchRunner;
  /** Process id of the living child. */
  pid(): number;
}

function start(options: Partial<InferenceRunnerOptions> = {}): Watched {
  let pids: readonly number[] = [];
  const runner = createInferenceRunner({ fork: forkInferenceChild, onChildren: (now) => (pids = now), ...options });
  runners.push(runner);
  return { runner, pid: () => pids[0] ?? Number.NaN };
}

function save(name: string, spec: ModelSpec): string {
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, modelBytes(buildModel(spec)));
  return path;
}

function tensor(type: TensorElementType, data: ArrayBufferView, dims: readonly number[]): TensorValue {
  return { type, dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
}

const integers = (...values: bigint[]): TensorValue => tensor('int64', BigInt64Array.from(values), [values.length]);

async function failure(action: Promise<unknown>): Promise<EdgewiseError> {
  const error = await action.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EdgewiseError);
  return error as EdgewiseError;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const square = (): string => save('square', { inputs: { x: ['n'] }, outputs: { y: ['n'] }, nodes: [{ op: 'Mul', in: ['x', 'x'], out: ['y'] }] });

const divide = (): string =>
  save('divide', {
    inputs: { a: { type: 'INT64', shape: [1] }, b: { type: 'INT64', shape: [1] } },
    outputs: { y: { type: 'INT64', shape: [1] } },
    nodes: [{ op: 'Div', in: ['a', 'b'], out: ['y'] }],
  });

/** Fills as many floats as it is told. */
const filler = (): string =>
  save('filler', {
    inputs: { n: { type: 'INT64', shape: [1] } },
    outputs: { y: { type: 'FLOAT', shape: [] } },
    nodes: [{ op: 'ConstantOfShape', in: ['n'], out: ['x'] }, { op: 'ReduceSum', in: ['x'], out: ['y'], attrs: { keepdims: 0 } }],
  });

/** Counts to the largest integer. */
const endless = (): string => {
  const body = buildModel({
    inputs: { i: { type: 'INT64', shape: [] }, go: { type: 'BOOL', shape: [] }, v: { type: 'FLOAT', shape: [] } },
    outputs: { again: { type: 'BOOL', shape: [] }, next: { type: 'FLOAT', shape: [] } },
    initializers: { one: { dims: [], values: [1] } },
    nodes: [{ op: 'Identity', in: ['go'], out: ['again'] }, { op: 'Add', in: ['v', 'one'], out: ['next'] }],
  }).graph;
  return save('endless', {
    inputs: { x: { type: 'FLOAT', shape: [] } },
    outputs: { y: { type: 'FLOAT', shape: [] } },
    initializers: { times: int64Tensor('times', [], [2n ** 63n - 1n]), yes: makeTensor('yes', DataType.BOOL, [], Uint8Array.of(1)) },
    nodes: [{ op: 'Loop', in: ['times', 'yes', 'x'], out: ['y'], attrs: { body: { kind: 'graph', value: body } } }],
  });
};

const one = tensor('float32', Float32Array.of(1), []);

describe('tensors cross to the child and back', () => {
  const cases: readonly (readonly [keyof typeof DataType, TensorValue])[] = [
    ['FLOAT', tensor('float32', Float32Array.of(0.1, -0, Number.NaN, Number.NEGATIVE_INFINITY), [2, 2])],
    ['DOUBLE', tensor('float64', Float64Array.of(0.1, 1e300), [2])],
    ['FLOAT16', tensor('float16', Uint16Array.of(0x3c00, 0xfbff, 0x7c00, 0x0001), [4])],
    ['INT64', tensor('int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), [1, 2])],
    ['UINT64', tensor('uint64', BigUint64Array.of(2n ** 64n - 1n), [1])],
    ['INT32', tensor('int32', Int32Array.of(-(2 ** 31), 5), [2])],
    ['UINT8', tensor('uint8', Uint8Array.of(0, 255, 7), [3])],
    ['INT8', tensor('int8', Int8Array.of(-128, 127), [2])],
    ['BOOL', tensor('bool', Uint8Array.of(1, 0, 1), [3])],
    ['STRING', { type: 'string', dims: [2], bytes: new Uint8Array(), strings: ['', 'Grüße 你好'] }],
    ['FLOAT', tensor('float32', new Float32Array(), [0, 3])],
  ];

  it('bit for bit, in every type', async () => {
    const { runner } = start();
    for (const [type, value] of cases) {
      const shape = value.dims;
      const session = await runner.open(save(`same-${type}`, { inputs: { x: { type, shape } }, outputs: { y: { type, shape } }, nodes: [{ op: 'Identity', in: ['x'], out: ['y'] }] }));
      expect(session.inputs).toEqual([{ name: 'x', type: value.type, shape }]);
      const { y } = await runner.run(session, { x: value });
      expect({ ...y, bytes: [...(y?.bytes ?? [])] }).toEqual({ ...value, bytes: [...value.bytes] });
    }
  });

  it('describes symbols and unknown sizes', async () => {
    const { runner } = start();
    const session = await runner.open(save('symbols', { inputs: { x: ['batch', 3, ''] }, outputs: { y: ['batch', 3, ''] }, nodes: [{ op: 'Relu', in: ['x'], out: ['y'] }] }));
    expect(session.inputs[0]?.shape).toEqual(['batch', 3, null]);
  });

  it('reduces what it computes in the child, float16 included', async () => {
    const { runner } = start();
    const session = await runner.open(save('half', { inputs: { x: { type: 'FLOAT16', shape: [64] } }, outputs: { y: { type: 'FLOAT16', shape: [64] } }, nodes: [{ op: 'Abs', in: ['x'], out: ['y'] }] }));
    const { y } = (await runner.reduce(session, { kind: 'generated', seed: 3, count: 5 }, { name: 'largest' }, [])) as { y: { calls: number; max: number } };
    expect(y.calls).toBe(5);
    expect(y.max).toBeGreaterThan(0.9);
    expect(y.max).toBeLessThanOrEqual(1);
  });
});

describe('what goes wrong has a name', () => {
  it('a file that is no model, without addresses of the runtime', async () => {
    const { runner } = start();
    const path = join(folder, 'garbage.onnx');
    writeFileSync(path, Buffer.from('this is no model at all'));
    const error = await failure(runner.open(path));
    expect(error.code).toBe('RUNTIME_ERROR');
    expect(error.message).toContain('could not load the model');
    expect(error.message).not.toMatch(/0x[0-9a-f]{4}|Stacktrace/u);
    expect(error.hint).toBeTruthy();
    await expect(runner.open(square())).resolves.toBeDefined();
  });

  it('an input of the wrong shape; the session still works afterwards', async () => {
    const { runner } = start();
    const session = await runner.open(square());
    const error = await failure(runner.run(session, { x: tensor('float32', new Float32Array(4), [2, 2]) }));
    expect(error.code).toBe('RUNTIME_ERROR');
    const { y } = await runner.run(session, { x: tensor('float32', Float32Array.of(3), [1]) });
    expect(y?.bytes).toEqual(new Uint8Array(Float32Array.of(9).buffer));
  });

  it('a child that is killed while it works, and the next open starts another', async () => {
    const { runner, pid } = start();
    const session = await runner.open(endless());
    const running = failure(runner.run(session, { x: one }));
    setTimeout(() => process.kill(pid(), 'SIGKILL'), 200);
    const error = await running;
    expect(error.code).toBe('RUNTIME_CRASHED');
    expect(error.message).toContain('SIGKILL');
    expect(error.details).toMatchObject({ signal: 'SIGKILL' });
    expect((await failure(runner.run(session, { x: one }))).code).toBe('RUNTIME_CRASHED');
    await runner.close(session);
    const again = await runner.open(square());
    expect((await runner.run(again, { x: tensor('float32', Float32Array.of(2), [1]) }))['y']?.dims).toEqual([1]);
  });

  it('a division that kills the process where the processor traps it', async () => {
    const { runner } = start();
    const session = await runner.open(divide());
    const zero = await failure(runner.run(session, { a: integers(1n), b: integers(0n) }));
    expect(zero.code).toBe('RUNTIME_ERROR');
    expect(zero.message).toContain('division by zero');
    const overflow = runner.run(session, { a: integers(-(2n ** 63n)), b: integers(-1n) });
    // Only x86 traps it.
    if (process.arch !== 'x64') return overflow.catch(() => {});
    const error = await failure(overflow);
    expect(error.code).toBe('RUNTIME_CRASHED');
    if (process.platform !== 'win32') expect(error.details).toMatchObject({ signal: 'SIGFPE' });
    expect((await runner.open(divide())).inputs).toHaveLength(2);
  });
});

describe('limits end the child', () => {
  it.skipIf(process.platform !== 'linux')('memory that a model fills', async () => {
    const { runner } = start({ limits: { memoryBytes: 600e6 } });
    const session = await runner.open(filler());
    const error = await failure(runner.run(session, { n: integers(2n ** 31n) }));
    expect(error.code).toBe('RESOURCE_LIMIT');
    expect(error.details).toMatchObject({ limitBytes: 600e6 });
    // Ended long before the 8 GB were there.
    expect(runner.peakRssBytes()).toBeLessThan(4e9);
  });

  it.skipIf(process.platform !== 'linux')('memory that a short run fills', async () => {
    const { runner } = start({ limits: { memoryBytes: 300e6 } });
    const session = await runner.open(filler());
    await runner.run(session, { n: integers(1000n) });
    const error = await failure(runner.run(session, { n: integers(80_000_000n) }));
    expect(error.code).toBe('RESOURCE_LIMIT');
  });

  it('memory that the system refuses', async () => {
    const { runner } = start();
    const session = await runner.open(filler());
    expect((await failure(runner.run(session, { n: integers(2n ** 45n) }))).code).toBe('RESOURCE_LIMIT');
    await runner.run(session, { n: integers(1000n) });
  });

  it('a model that never ends', async () => {
    const { runner, pid } = start({ limits: { quietSeconds: 5 } });
    const session = await runner.open(endless());
    const child = pid();
    const error = await failure(runner.run(session, { x: one }));
    expect(error.code).toBe('RESOURCE_LIMIT');
    expect(error.message).toContain('5 s');
    expect(isAlive(child)).toBe(false);
  });
});

describe('nothing is left behind', () => {
  it('a cancel ends a long request and its child', async () => {
    const { runner, pid } = start();
    const session = await runner.open(square());
    const child = pid();
    const abort = new AbortController();
    let seen = 0;
    const running = failure(
      runner.reduce(session, { kind: 'generated', seed: 1, count: 100_000_000 }, { name: 'largest' }, [], {
        signal: abort.signal,
        progress: ({ fraction }) => {
          seen = fraction;
          abort.abort();
        },
      }),
    );
    expect((await running).code).toBe('CANCELLED');
    expect(seen).toBeGreaterThan(0);
    expect(isAlive(child)).toBe(false);
    expect((await failure(runner.open(square(), { signal: abort.signal }))).code).toBe('CANCELLED');
    await expect(runner.open(square())).resolves.toBeDefined();
  });

  it('a cancel is not told to who asks next, before the child is gone', async () => {
    const { runner, pid } = start();
    const session = await runner.open(endless());
    const first = pid();
    const abort = new AbortController();
    const running = failure(runner.run(session, { x: one }, { signal: abort.signal }));
    abort.abort();
    const next = await runner.open(square());
    expect((await running).code).toBe('CANCELLED');
    expect(pid()).not.toBe(first);
    expect(isAlive(pid())).toBe(true);
    await expect(runner.close(next)).resolves.toBeUndefined();
    expect(isAlive(first)).toBe(false);
  });

  it('a cancel is the own wish of who asked for it; whoever shares the child is told that it was ended', async () => {
    const { runner, pid } = start();
    const session = await runner.open(endless());
    const other = await runner.open(square());
    const first = pid();
    const abort = new AbortController();
    const cancelled = failure(runner.run(session, { x: one }, { signal: abort.signal }));
    const beside = failure(runner.run(other, { x: integers(1n) }));
    abort.abort();
    // Asked before the system has said that the child is gone.
    const after = failure(runner.run(other, { x: integers(1n) }));
    await expect(runner.close(other)).resolves.toBeUndefined();
    expect((await cancelled).code).toBe('CANCELLED');
    for (const error of [await beside, await after]) expect(error).toMatchObject({ code: 'RUNTIME_CRASHED', message: expect.stringContaining('another request') });
    expect(isAlive(first)).toBe(false);
  });

  it('dispose waits for every child, also one that was killed before', async () => {
    let pids: readonly number[] = [];
    const seen = new Set<number>();
    const { runner } = start({ onChildren: (now) => { pids = now; now.forEach((pid) => seen.add(pid)); } });
    const session = await runner.open(endless());
    const abort = new AbortController();
    const running = failure(runner.run(session, { x: one }, { signal: abort.signal }));
    abort.abort();
    const opening = failure(runner.open(square()));
    await runner.dispose();
    expect((await running).code).toBe('CANCELLED');
    expect((await opening).code).toBe('CANCELLED');
    expect(seen.size).toBe(2);
    expect([...seen].filter(isAlive)).toEqual([]);
    expect(pids).toEqual([]);
  });

  it('closed sessions give their memory back', async () => {
    const { runner } = start();
    const weights = new Float32Array(8e6).fill(0.5);
    const path = save('heavy', { inputs: { x: [1, 1000] }, outputs: { y: [1, 8000] }, initializers: { w: { dims: [1000, 8000], values: weights } }, nodes: [{ op: 'MatMul', in: ['x', 'w'], out: ['y'] }] });
    for (let i = 0; i < 30; i++) {
      const session = await runner.open(path);
      await runner.run(session, { x: tensor('float32', new Float32Array(1000), [1, 1000]) });
      await runner.close(session);
    }
    // 32 MB of weights each: kept, they alone were 960 MB.
    expect(runner.peakRssBytes()).toBeLessThan(600e6);
  });

  it('dispose ends the child, twice is no harm, and nothing opens afterwards', async () => {
    const { runner, pid } = start();
    await runner.open(square());
    const child = pid();
    expect(isAlive(child)).toBe(true);
    await runner.dispose();
    await runner.dispose();
    expect(isAlive(child)).toBe(false);
    expect((await failure(runner.open(square()))).code).toBe('INTERNAL');
  });

  it.each(['idle', 'in a run that never ends'])('no child outlives a parent that is killed: %s', async (state) => {
    const path = state === 'idle' ? square() : endless();
    const script = join(folder, 'parent.ts');
    const source = (file: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, file)).href);
    writeFileSync(
      script,
      `import { forkInferenceChild } from ${source('../testing/fork-child.ts')};
       import { createInferenceRunner } from ${source('runner.ts')};
       let pid = 0;
       const runner = createInferenceRunner({ fork: forkInferenceChild, onChildren: ([first]) => (pid = first) });
       const session = await runner.open(${JSON.stringify(path)});
       if (session.inputs[0].shape.length === 0) void runner.run(session, { x: { type: 'float32', dims: [], bytes: new Uint8Array(4) } });
       setTimeout(() => process.send(pid), 300);
       setInterval(() => {}, 1000);`,
    );
    const parent = fork(script, [], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const pid = await new Promise<number>((resolve, reject) => parent.once('message', (message) => resolve(message as number)).once('exit', () => reject(new Error('the parent ended'))));
    expect(isAlive(pid)).toBe(true);
    parent.removeAllListeners('exit');
    parent.kill('SIGKILL');
    for (let waited = 0; isAlive(pid) && waited < 10_000; waited += 50) await delay(50);
    const alive = isAlive(pid);
    if (alive) process.kill(pid, 'SIGKILL');
    expect(alive).toBe(false);
  });
});
