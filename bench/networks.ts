/** The networks that several benches share: ResNet-50 size (102 MB) and MobileNetV2 size (14 MB), with seeded random weights. */
import { simplifyOrder } from '../src/engine/passes/index.ts';
import { runPasses } from '../src/engine/passes/pipeline.ts';
import type { Model } from '../src/engine/onnx/index.ts';
import { mobileNetV2, resNet50 } from '../test/support/networks.ts';

export const NETWORKS = { 'resnet50-size': () => resNet50(), 'mobilenetv2-size': () => mobileNetV2() } as const;

export type NetworkName = keyof typeof NETWORKS;

/** As the recipe's step "simplify" leaves it, without the checks that need a runtime. */
export async function simplifiedNetwork(name: NetworkName): Promise<Model> {
  return (await runPasses(NETWORKS[name](), simplifyOrder, { clock: () => performance.now() })).model;
}

/** Median, smallest and largest. */
export function spread(values: readonly number[]): { readonly median: number; readonly min: number; readonly max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  return { median: (at(0.5) + (sorted[Math.floor((sorted.length - 1) / 2)] ?? at(0.5))) / 2, min: at(0), max: at(1) };
}
