/**
 * The steps that a recipe may name: every pass, `simplify` for all passes that keep the outputs, and the quantizations. A new kind of step
 * is one entry here and one case in `run-steps.ts`.
 */
import { z } from 'zod';
import type { Recipe } from '../../contract/records/recipe.ts';
import { passByName, passes, simplifyOrder } from '../passes/index.ts';
import { dynamicInt8Options } from '../quantize/dynamic-int8.ts';
import { int4BlocksOptions } from '../quantize/int4-blocks.ts';
import { int8StepOptions } from '../quantize/int8-step.ts';

export const SIMPLIFY = 'simplify';
export const STATIC_INT8 = 'quantize-static-int8';
export const DYNAMIC_INT8 = 'quantize-dynamic-int8';
export const INT4_BLOCKS = 'quantize-int4-blocks';

export const simplifyOptions = z.strictObject({
  /** Passes to leave out. */
  without: z.array(z.enum(simplifyOrder as [string, ...string[]])).default([]),
});

const OWN_STEPS: Readonly<Record<string, { readonly options: z.ZodType; readonly needsData: boolean }>> = {
  [SIMPLIFY]: { options: simplifyOptions, needsData: false },
  [STATIC_INT8]: { options: int8StepOptions, needsData: true },
  [DYNAMIC_INT8]: { options: dynamicInt8Options, needsData: false },
  [INT4_BLOCKS]: { options: int4BlocksOptions, needsData: false },
};

export function stepNames(): string[] {
  return [...Object.keys(OWN_STEPS), ...passes.map((pass) => pass.name)];
}

/** Undefined for a name that is no step. */
export function stepOptions(name: string): z.ZodType | undefined {
  return OWN_STEPS[name]?.options ?? passByName(name)?.options;
}

/** True where a step learns from samples: without data it falls back on generated numbers, and the report says so. */
export function needsData(recipe: Recipe): boolean {
  return recipe.steps.some(({ step }) => OWN_STEPS[step]?.needsData === true);
}

export function quantizes(recipe: Recipe): boolean {
  return recipe.steps.some(({ step }) => step !== SIMPLIFY && OWN_STEPS[step] !== undefined);
}

/** The recipe with its int8 steps told to keep sums within 16 bits; null where it has none. */
export function portableRecipe(recipe: Recipe): Recipe | null {
  const guarded = (step: string): boolean => step === STATIC_INT8 || step === DYNAMIC_INT8;
  if (!recipe.steps.some(({ step }) => guarded(step))) return null;
  return { ...recipe, steps: recipe.steps.map(({ step, options }) => (guarded(step) ? { step, options: { ...options, reduceRange: options?.['reduceRange'] === 'all' ? 'all' : 'where-needed' } } : { step, ...(options ? { options } : {}) })) };
}
