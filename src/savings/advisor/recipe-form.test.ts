/** Which recipe fits which runtime: the lists in the profiles are what the demands yield, and each demand can refuse. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hardwareProfileOf, hardwareProfiles } from '../../contract/hardware/profiles.ts';
import type { HardwareRuntime } from '../../contract/records/hardware.ts';
import { recipe, type Recipe } from '../../contract/records/recipe.ts';
import { fitOf, formOf } from './recipe-form.ts';

const folder = join(import.meta.dirname, '../../../resources/recipes');
const recipes = readdirSync(folder).map((name) => recipe.parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))));

const named = (name: string): Recipe => recipes.find((one) => one.name === name) as Recipe;
const runtime = (profile: string, id: string): HardwareRuntime => hardwareProfileOf(profile)?.runtimes.find((one) => one.id === id) as HardwareRuntime;
const codes = (name: string, on: HardwareRuntime): string[] => fitOf(formOf(named(name)), on).refused.map(({ code }) => code);

describe('recipes and runtimes', () => {
  it.each(hardwareProfiles.map((profile) => [profile.id, profile] as const))('%s lists the recipes that its runtimes take', (_, profile) => {
    const found = profile.runtimes.flatMap((on) => recipes.flatMap((one) => {
      const { fit } = fitOf(formOf(one), on);
      return fit ? [`${one.name} ${on.id} ${fit.computes}`] : [];
    }));
    expect(profile.recipes.map((entry) => `${entry.recipe} ${entry.runtime} ${entry.computes}`).toSorted()).toEqual(found.toSorted());
  });

  it('x86 without VNNI wants the portable recipe', () => {
    const old = runtime('x86-8500t', 'onnxruntime');
    expect(codes('int8', old)).toEqual(['saturates']);
    expect(codes('portable', old)).toEqual([]);
    expect(codes('matmul-int8', old)).toEqual(['saturates']);
  });

  it('a runtime that quantizes by itself takes the float file, not the quantized one', () => {
    const rknn = runtime('rk3588', 'rknn');
    expect(codes('int8', rknn)).toEqual(['quantizes-itself']);
    expect(fitOf(formOf(named('simplify')), rknn).fit).toMatchObject({ computes: 'int8', made: 'converter' });
  });

  it('symmetric activations are demanded and can be met', () => {
    const tensorrt = runtime('jetson-orin-nano', 'tensorrt');
    expect(codes('int8', tensorrt)).toEqual(['activation-type', 'symmetric-activations']);
    const s8s8 = recipe.parse({ version: 1, name: 'own', steps: [{ step: 'quantize-static-int8', options: { scheme: 's8s8' } }] });
    expect(fitOf(formOf(s8s8), tensorrt).fit).toMatchObject({ computes: 'int8', made: 'file' });
    const perTensor = recipe.parse({ version: 1, name: 'own', steps: [{ step: 'quantize-static-int8', options: { scheme: 's8s8', weights: 'per-tensor' } }] });
    expect(fitOf(formOf(perTensor), tensorrt).refused.map(({ code }) => code)).toEqual(['weight-scales']);
  });

  it('without int8 units int8 is refused, and half precision is the fast type', () => {
    const nano = runtime('jetson-nano', 'tensorrt');
    expect(codes('int8', nano)).toContain('no-int8');
    expect(fitOf(formOf(named('fp16')), nano).fit?.computes).toBe('fp16');
    expect(codes('matmul-int4', nano)).toEqual(['no-blocks']);
    expect(codes('matmul-int8', nano)).toEqual(['no-dynamic']);
  });
});
