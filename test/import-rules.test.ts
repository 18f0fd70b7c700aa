/** The import rules bite: each planted violation is found by the rule that is meant for it, and a lawful import by none. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const config = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as { forbidden: { name: string }[]; options: ICruiseOptions };

/** [file, what it imports, the rule that must name it] */
const violations: readonly (readonly [string, string, string])[] = [
  ['src/base/planted.ts', '../contract/target.ts', 'base-imports-nothing'],
  ['src/contract/planted.ts', '../runtime/target.ts', 'contract-imports-base'],
  ['src/engine/recipe/planted.ts', '../../runtime/target.ts', 'engine-stays-in-the-engine'],
  ['src/engine/onnx/planted.ts', '../passes/target.ts', 'engine-inner-order'],
  ['src/engine/onnx/planted-core.ts', 'node:fs', 'pure-without-node'],
  ['src/engine/passes/planted-core.ts', 'node:os', 'pure-without-node'],
  ['src/engine/passes/planted.ts', '../recipe/target.ts', 'only-recipe-reaches-across'],
  ['src/runtime/planted.ts', '../engine/onnx/target.ts', 'runtime-stays-in-the-runtime'],
  ['src/fleet/devices/planted.ts', '../../engine/onnx/target.ts', 'fleet-stays-in-the-fleet'],
  ['src/fleet/artifact/planted.ts', '../../runtime/target.ts', 'fleet-stays-in-the-fleet'],
  ['src/fleet/artifact/planted-agent.ts', '../agent/target.ts', 'fleet-stays-in-the-fleet'],
  ['src/fleet/agent/planted.ts', '../../console/target.ts', 'agent-carries-no-compressor'],
  ['src/fleet/agent/install/planted.ts', '../../../engine/onnx/target.ts', 'agent-carries-no-compressor'],
  ['src/savings/planted.ts', '../fleet/devices/target.ts', 'savings-stay-pure'],
  ['src/savings/planted-core.ts', 'node:fs', 'pure-without-node'],
  ['src/console/planted.ts', '../engine/passes/target.ts', 'console-is-the-roof'],
  ['src/server/planted.ts', '../cli/target.ts', 'hosts-carry-the-console'],
  ['src/console/planted-host.ts', '../server/target.ts', 'console-is-the-roof'],
  ['main/planted.ts', '../src/engine/onnx/target.ts', 'main-carries-the-console'],
  ['renderer/src/planted.ts', '../../src/console/target.ts', 'renderer-knows-the-contract'],
  ['renderer/src/features/models/planted.ts', '../optimize/target.ts', 'features-know-no-sibling'],
  ['src/console/planted-test.ts', '../../test/target.ts', 'no-test-code-in-the-product'],
];

const LAWFUL: readonly (readonly [string, string])[] = [
  ['src/contract/lawful.ts', '../base/target.ts'],
  ['src/engine/recipe/lawful.ts', '../passes/target.ts'],
  ['src/console/lawful.ts', '../runtime/target.ts'],
  ['src/fleet/artifact/lawful.ts', '../devices/target.ts'],
  ['src/fleet/agent/lawful.ts', '../../runtime/target.ts'],
  ['renderer/src/features/models/lawful.ts', '../../../../src/contract/target.ts'],
];

let folder = '';
let found: { from: string; rule: string }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(root, 'node_modules/.planted-'));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  for (const place of ['src/base', 'src/contract', 'src/engine/onnx', 'src/engine/passes', 'src/engine/recipe', 'src/runtime', 'src/fleet/devices', 'src/fleet/agent', 'src/console', 'src/server', 'src/cli', 'test', 'renderer/src/features/optimize']) {
    write(`${place}/target.ts`, 'export interface Target { readonly id: string }\n');
  }
  for (const [file, target] of [...violations.map(([file, target]) => [file, target] as const), ...LAWFUL]) {
    // Type-only on purpose: the rules must see these too.
    const what = target.startsWith('node:') ? '* as core' : '{ Target }';
    write(file, `import type ${what} from '${target}';\nexport type Planted = ${target.startsWith('node:') ? 'typeof core' : 'Target'};\n`);
  }
  const { doNotFollow: _doNotFollow, exclude: _exclude, tsConfig: _tsConfig, ...options } = config.options;
  const result = await cruise(['src', 'main', 'renderer', 'test'], { ...options, baseDir: folder, validate: true, ruleSet: { forbidden: config.forbidden } } as ICruiseOptions);
  found = (result.output as ICruiseResult).summary.violations.map((violation) => ({ from: violation.from, rule: violation.rule.name }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('import rules', () => {
  it.each(violations)('%s -> %s breaks %s', (file, _target, rule) => {
    expect(found).toContainEqual({ from: file, rule });
  });

  it.each(LAWFUL)('%s -> %s is lawful', (file) => {
    expect(found.filter((violation) => violation.from === file)).toEqual([]);
  });
});
