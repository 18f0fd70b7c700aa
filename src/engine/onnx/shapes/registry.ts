/** Which rule infers which operator. A new operator: its rule in the file of its family; a new family: one line here. */
import { constantRules } from './constant.ts';
import { controlRules } from './control.ts';
import { convPoolRules } from './conv-pool.ts';
import { elementwiseRules } from './elementwise.ts';
import { matMulRules } from './matmul.ts';
import { movementRules } from './movement.ts';
import { normalizationRules } from './normalization.ts';
import { otherRules } from './other.ts';
import { quantizeRules } from './quantize.ts';
import { reduceRules } from './reduce.ts';
import { resizeRules } from './resize.ts';
import type { ShapeRule } from './rule.ts';
import { slicingRules } from './slicing.ts';

const FAMILIES: readonly (readonly ShapeRule[])[] = [
  constantRules, controlRules, convPoolRules, elementwiseRules, matMulRules, movementRules, normalizationRules, otherRules, quantizeRules,
  reduceRules, resizeRules, slicingRules,
];

const RULES: ReadonlyMap<string, ShapeRule> = new Map(
  FAMILIES.flat().flatMap((rule) => rule.ops.map((op): [string, ShapeRule] => [`${rule.domain}:${op}`, rule])),
);

/** The rule of an operator, or undefined: then only what the file declares is known of its outputs. */
export function shapeRuleFor(domain: string, op: string): ShapeRule | undefined {
  return RULES.get(`${domain === 'ai.onnx' ? '' : domain}:${op}`);
}
