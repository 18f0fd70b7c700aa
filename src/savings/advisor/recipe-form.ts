/** What a recipe makes of a model, in the terms in which runtimes make demands; and which runtime takes it. */
import type { ComputeType, HardwareRuntime } from '../../contract/records/hardware.ts';
import type { AdvisorNote } from '../../contract/records/advisor.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import type { NetworkLayer } from './network.ts';

/** `as-is`: a file that is quantized already. `static`: int8 with steps in the file. `dynamic`: int8 of matrix products, steps found while it runs. `blocks`: weights of matrix products in 4 bits. `half`: weights stored in 16 bits. */
export type RecipeKind = 'as-is' | 'float' | 'half' | 'static' | 'dynamic' | 'blocks';

export interface RecipeForm {
  readonly recipe: string;
  readonly kind: RecipeKind;
  readonly activations: 'u8' | 's8';
  readonly symmetricActivations: boolean;
  readonly weightScales: 'per-channel' | 'per-tensor';
  /** Its int8 keeps sums of two products within 16 bits. */
  readonly portable: boolean;
}

/** How a runtime would run it; `made`: who makes the int8. */
export interface RecipeFit {
  readonly form: RecipeForm;
  readonly runtime: HardwareRuntime;
  readonly computes: ComputeType;
  readonly made: 'file' | 'converter';
  readonly notes: readonly AdvisorNote[];
}

const MATRIX_PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm']);

/** A model that is quantized already; taken as this program writes them: u8 activations, s8 weights per channel. */
export const AS_IT_IS: RecipeForm = { recipe: 'as it is', kind: 'as-is', activations: 'u8', symmetricActivations: false, weightScales: 'per-channel', portable: false };

export const FLOAT: RecipeForm = { ...AS_IT_IS, recipe: 'simplify', kind: 'float' };

export function formOf(recipe: Recipe): RecipeForm {
  const find = (name: string) => recipe.steps.find(({ step }) => step === name);
  const step = find('quantize-static-int8');
  const dynamic = find('quantize-dynamic-int8');
  const options = (step ?? dynamic)?.options ?? {};
  return {
    recipe: recipe.name,
    kind: step ? 'static' : dynamic ? 'dynamic' : find('quantize-int4-blocks') ? 'blocks' : find('fp16-weights') ? 'half' : 'float',
    activations: options['scheme'] === 's8s8' ? 's8' : 'u8',
    symmetricActivations: options['scheme'] === 's8s8',
    weightScales: options['weights'] === 'per-tensor' ? 'per-tensor' : 'per-channel',
    portable: options['reduceRange'] === 'where-needed' || options['reduceRange'] === 'all',
  };
}

const refused = (code: string, values: AdvisorNote['values'] = {}): AdvisorNote => ({ code, values });

/** How a runtime takes what the recipe makes, or why it does not. */
export function fitOf(form: RecipeForm, runtime: HardwareRuntime): { readonly fit: RecipeFit | null; readonly refused: readonly AdvisorNote[] } {
  const computes = (type: ComputeType): boolean => runtime.computes.includes(type);
  const fit = (type: ComputeType, made: RecipeFit['made'], notes: AdvisorNote[] = []) => ({ fit: { form, runtime, computes: type, made, notes }, refused: [] });
  const none = (...notes: AdvisorNote[]) => ({ fit: null, refused: notes });
  switch (form.kind) {
    case 'float': {
      if (runtime.quantizes.includes('converter') && computes('int8')) return fit('int8', 'converter', [refused('converter-calibrates', { runtime: runtime.name })]);
      if (runtime.reads === 'converted' && !computes('fp16') && !computes('fp32')) return none(refused('no-float', { runtime: runtime.name }));
      return fit(computes('fp16') ? 'fp16' : 'fp32', 'file');
    }
    case 'half':
      return computes('fp16') ? fit('fp16', 'file') : computes('fp32') ? fit('fp32', 'file', [refused('half-is-size-only')]) : none(refused('no-float', { runtime: runtime.name }));
    case 'as-is':
    case 'static': {
      const problems: AdvisorNote[] = [];
      if (!computes('int8')) problems.push(refused('no-int8', { runtime: runtime.name }));
      if (!runtime.quantizes.includes('file') || runtime.reads === 'converted') problems.push(refused('quantizes-itself', { runtime: runtime.name }));
      else {
        if (!runtime.activations.includes(form.activations)) problems.push(refused('activation-type', { has: form.activations, wants: runtime.activations.join(', ') }));
        if (runtime.symmetricActivations && !form.symmetricActivations) problems.push(refused('symmetric-activations', { runtime: runtime.name }));
        if (runtime.weightScales !== 'either' && runtime.weightScales !== form.weightScales) problems.push(refused('weight-scales', { has: form.weightScales, wants: runtime.weightScales }));
        if (runtime.saturates && !form.portable && form.activations === 'u8') problems.push(refused('saturates'));
      }
      return problems.length > 0 ? none(...problems) : fit('int8', 'file');
    }
    case 'dynamic':
      if (!runtime.dynamicQuantization || !computes('int8')) return none(refused('no-dynamic', { runtime: runtime.name }));
      return runtime.saturates && !form.portable ? none(refused('saturates')) : fit('int8', 'file');
    case 'blocks':
      return runtime.contribOperators && computes('int4') ? fit('int4', 'file') : none(refused('no-blocks', { runtime: runtime.name }));
  }
}

/** With what a layer is computed under a recipe. */
export function typeOf(fit: RecipeFit, layer: NetworkLayer): ComputeType {
  const { kind } = fit.form;
  if (kind === 'as-is') return layer.precision === 'int4' ? 'int8' : layer.precision;
  if (kind !== 'dynamic' && kind !== 'blocks') return fit.computes;
  if (!MATRIX_PRODUCTS.has(layer.op)) return 'fp32';
  // Weights in 4 bits are multiplied as 8-bit numbers.
  return 'int8';
}

const TYPE_BYTES: Readonly<Record<ComputeType, number>> = { fp32: 4, fp16: 2, int8: 1, int4: 0.5 };
/** A scale of 4 bytes for each 32 weights of half a byte, and a zero point. */
const BLOCK_BYTES = 0.5 + 4.5 / 32;

/** Bytes of one weight where it is read while the model runs. */
export function weightBytes(fit: RecipeFit, layer: NetworkLayer): number {
  if (fit.form.kind === 'as-is' && layer.precision === 'int4') return BLOCK_BYTES;
  if (fit.form.kind === 'blocks') return MATRIX_PRODUCTS.has(layer.op) ? BLOCK_BYTES : 4;
  return TYPE_BYTES[typeOf(fit, layer)];
}

/** Bytes of one activation number. */
export function activationBytes(type: ComputeType): number {
  return type === 'int4' ? 1 : TYPE_BYTES[type];
}
