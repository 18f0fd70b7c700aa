/** The one ordered list of passes, and the front door of this folder. The order is documented where it matters. */
import { constantNodesToInitializers } from './constant-nodes-to-initializers.ts';
import type { Pass } from './define-pass.ts';
import { dropInitializerInputs } from './drop-initializer-inputs.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { foldConstantOperands } from './fold-constant-operands.ts';
import { foldConstants } from './fold-constants.ts';
import { foldInputScale } from './fold-input-scale.ts';
import { foldPad } from './fold-pad.ts';
import { fp16Weights } from './fp16-weights.ts';
import { fp16 } from './fp16.ts';
import { fuseGelu } from './fuse-gelu.ts';
import { fuseLayerNorm } from './fuse-layer-norm.ts';
import { matmulAddToGemm } from './matmul-add-to-gemm.ts';
import { mergeCommonSubexpressions } from './merge-common-subexpressions.ts';
import { mergeReshapes } from './merge-reshapes.ts';
import { mergeTransposes } from './merge-transposes.ts';
import { mergeSiblingLayers } from './merge-sibling-layers.ts';
import { recognizeAttention } from './recognize-attention.ts';
import { recognizeUnits } from './recognize-units.ts';
import { removeDeadNodes } from './remove-dead-nodes.ts';
import { removeIdentity } from './remove-identity.ts';
import { removeNoOps } from './remove-no-ops.ts';
import { upgradeOpset } from './upgrade-opset.ts';

/** Every pass. What `simplify` runs, runs in this order. */
export const passes: readonly Pass[] = [
  // What is dead is not worth a look by the others.
  removeDeadNodes,
  // Constants have to be constants before anybody can fold them: weights that pose as inputs, then Constant nodes.
  dropInitializerInputs,
  constantNodesToInitializers,
  // Identities hide who reads what: a Conv behind one has another consumer than its BatchNormalization.
  removeIdentity,
  // Shape arithmetic becomes constants, which lets the no-ops be recognized.
  foldConstants,
  removeNoOps,
  mergeTransposes,
  mergeReshapes,
  // Before the folds that write new weights: they would make equal layers differ in name.
  mergeCommonSubexpressions,
  // Before the folds around layers: those would take the scale of a normalization apart from it.
  fuseGelu,
  fuseLayerNorm,
  // Before the folds behind a layer: a MatMul with its bias is a layer that can take one.
  matmulAddToGemm,
  foldPad,
  // What follows a layer goes into it first: that leaves the input side of the next layer bare.
  foldBatchNorm,
  foldConstantOperands,
  // After fold-pad: padding decides whether a shift before a Conv can be folded.
  foldInputScale,
  // Opt-in: faster or not, measure. After the folds, so that siblings are alike.
  mergeSiblingLayers,
  // Opt-in: the least that a later step needs, no more.
  upgradeOpset,
  // Opt-in: results change by rounding. After everything that computes with weights.
  fp16Weights,
  fp16,
  // Last: it counts what is left.
  recognizeUnits,
  recognizeAttention,
];

/** Not part of `simplify`: each changes more than the form of the network. */
const OPT_IN: ReadonlySet<string> = new Set<string>(['merge-sibling-layers', 'upgrade-opset', 'fp16-weights', 'fp16']);

/** Names of the passes of `simplify`, in order. */
export const simplifyOrder: readonly string[] = passes.map((pass) => pass.name).filter((name) => !OPT_IN.has(name));

export function passByName(name: string): Pass | undefined {
  return passes.find((pass) => pass.name === name);
}
