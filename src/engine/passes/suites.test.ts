/**
 * Operator and rewrite suites that others made: whatever onnxruntime runs, and where outputs are given reproduces, must give the same
 * outputs after `simplify`. Each case runs in a child process, since some of them kill the runtime.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sharedData, sharedModel } from '../../../test/support/shared-data.ts';
import type { SimplifyCase, SimplifyOutcome } from '../../../test/support/simplify-case-process.ts';
import { simplifyOrder } from './index.ts';

const program = fileURLToPath(new URL('../../../test/support/simplify-case-process.ts', import.meta.url));
const CASE_MS = 60_000;

type Message = { readonly stage: string } | { readonly outcome: SimplifyOutcome };

/** Runs cases one after another in a child; a new one is started where a case ended it. */
async function runAll(cases: readonly SimplifyCase[]): Promise<Map<string, SimplifyOutcome>> {
  const outcomes = new Map<string, SimplifyOutcome>();
  let child: ChildProcess | undefined;
  for (const given of cases) {
    child ??= fork(program, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' });
    const outcome = await runOne(child, given);
    outcomes.set(given.model, outcome);
    if (child.exitCode !== null || child.signalCode !== null || child.killed) child = undefined;
  }
  child?.kill();
  return outcomes;
}

function runOne(child: ChildProcess, given: SimplifyCase): Promise<SimplifyOutcome> {
  return new Promise((resolve) => {
    let stage = 'start';
    const done = (outcome: SimplifyOutcome): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      resolve(outcome);
    };
    const ended = (what: string): SimplifyOutcome => ({ status: stage === 'before' ? 'skipped' : 'changed', reason: `${what} (${stage})`, nodesBefore: 0, nodesAfter: 0, passes: [] });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      done(ended('took too long'));
    }, CASE_MS);
    child.on('message', (message: Message) => {
      if ('stage' in message) ({ stage } = message);
      else done(message.outcome);
    });
    child.on('exit', (code, signal) => done(ended(`the runtime ended its process: ${signal ?? code}`)));
    child.send(given);
  });
}

function backendCases(suite: string): SimplifyCase[] {
  return globSync(join(sharedModel(suite), '*/model.onnx')).sort().map((model) => {
    const data = join(dirname(model), 'test_data_set_0');
    return { model, inputs: join(data, 'input_'), outputs: existsSync(join(data, 'output_0.pb')) ? join(data, 'output_') : null };
  });
}

function lightCases(): SimplifyCase[] {
  return globSync(join(sharedModel('onnx-backend-light'), '*.onnx')).sort().map((model) => ({ model, inputs: null, outputs: model.replace(/\.onnx$/, '_output_'), ramp: true }));
}

function transformCases(): SimplifyCase[] {
  return globSync(join(sharedModel('onnxruntime-testdata/transform'), '**/*.onnx')).sort().map((model) => ({ model, inputs: null, outputs: null }));
}

/** Checks and prints: how many there are, how many the runtime reproduces, how many of those held. */
async function check(name: string, cases: readonly SimplifyCase[], atLeast: number): Promise<void> {
  const outcomes = [...(await runAll(cases))];
  const changed = outcomes.filter(([, outcome]) => outcome.status === 'changed').map(([model, outcome]) => `${model}: ${outcome.reason}`);
  const held = outcomes.filter(([, outcome]) => outcome.status === 'held');
  const rewritten = held.filter(([, outcome]) => outcome.passes.length > 0).length;
  process.stdout.write(`${name}: ${cases.length} cases, ${held.length + changed.length} comparable, ${held.length} held, ${rewritten} of them rewritten\n`);
  if (process.env['EDGEWISE_SUITE_DETAILS']) for (const [model, outcome] of outcomes) process.stdout.write(`${outcome.status}\t${model}\t${outcome.nodesBefore} -> ${outcome.nodesAfter}\t${outcome.passes.join()}\t${outcome.reason.slice(0, 200)}\n`);
  expect(changed).toEqual([]);
  expect(held.length).toBeGreaterThanOrEqual(atLeast);
}

const without = sharedData === undefined;

it.skipIf(without)('onnx-backend-light (needs the shared models)', () => check('onnx-backend-light', lightCases(), 9), 600_000);
it.skipIf(without)('onnx-backend-simple (needs the shared models)', () => check('onnx-backend-simple', backendCases('onnx-backend-simple'), 17), 600_000);
it.skipIf(without)('onnx-backend-pytorch-converted (needs the shared models)', () => check('onnx-backend-pytorch-converted', backendCases('onnx-backend-pytorch-converted'), 59), 600_000);
it.skipIf(without)('onnx-backend-pytorch-operator (needs the shared models)', () => check('onnx-backend-pytorch-operator', backendCases('onnx-backend-pytorch-operator'), 24), 600_000);
it.skipIf(without)('onnx-backend-node (needs the shared models)', () => check('onnx-backend-node', backendCases('onnx-backend-node'), 620), 600_000);
it.skipIf(without)('onnxruntime-testdata/transform (needs the shared models)', () => check('transform', transformCases(), 365), 600_000);

it.skipIf(without)(
  'every suite, brought to opset 21 and simplified (needs the shared models)',
  () => {
    const suites = ['onnx-backend-simple', 'onnx-backend-pytorch-converted', 'onnx-backend-pytorch-operator', 'onnx-backend-node'];
    const upgrade = { passes: ['upgrade-opset', ...simplifyOrder], options: { 'upgrade-opset': { to: 21 } } };
    const cases = [...suites.flatMap(backendCases), ...lightCases(), ...transformCases()];
    return check('opset 21', cases.map((given) => Object.assign({}, given, upgrade)), 980);
  },
  600_000,
);
