/** Scores of one sample after another: accuracy against labels, and fidelity of one model to another. Nothing is kept but sums. */
import type { Tensor } from 'onnxruntime-node';
import { EdgewiseError } from '../../base/errors.ts';
import type { Accuracy, Fidelity, ValueDescription } from '../../base/ports.ts';
import { floatsOf } from './tensors.ts';

/** Class scores of one output of one sample (batch 1), or undefined where the output does not look like class scores. */
function asScores(tensor: Tensor): Float32Array | undefined {
  const values = floatsOf(tensor);
  // [1, C], [C] and [1, C, 1, 1]: one dimension carries all elements.
  if (values === undefined || values.length < 2 || !tensor.dims.some((dim) => dim === values.length)) return undefined;
  return values;
}

/**
 * The output that holds class scores: the one with as many elements as there are classes, else the first that looks like scores:
 * features and helpers come after what a model is for.
 * @param classes number of classes of the data set; 0 where not known
 */
export function scoresOf(results: Readonly<Record<string, Tensor>>, outputs: readonly ValueDescription[], classes: number): Float32Array | undefined {
  const candidates = outputs.map(({ name }) => results[name]).flatMap((tensor) => (tensor === undefined ? [] : [asScores(tensor)])).filter((scores) => scores !== undefined);
  return candidates.find((scores) => scores.length === classes) ?? candidates[0];
}

export interface AccuracyMeter {
  add(scores: Float32Array, label: number): void;
  result(): Accuracy & { correct: (0 | 1)[] };
}

/** Top-1 and top-5. A tie counts against the label, so that constant scores win nothing. */
export function createAccuracyMeter(): AccuracyMeter {
  const correct: (0 | 1)[] = [];
  let top5 = 0;
  return {
    add(scores, label) {
      const own = scores[label];
      if (own === undefined) {
        throw new EdgewiseError('BAD_LABELS', `A sample has label ${label}, but the model has ${scores.length} classes (0 to ${scores.length - 1}).`, {
          hint: 'Choose the data set that the model was trained for, or give its labels with --labels.',
          details: { label, classes: scores.length },
        });
      }
      let better = 0;
      for (let i = 0; i < scores.length; i++) if (i !== label && !((scores[i] as number) < own)) better++;
      correct.push(better === 0 ? 1 : 0);
      if (better < 5) top5++;
    },
    result() {
      const samples = correct.length;
      const right = correct.reduce<number>((sum, value) => sum + value, 0);
      return { samples, top1: samples === 0 ? 0 : right / samples, top5: samples === 0 ? 0 : top5 / samples, correct };
    },
  };
}

export interface FidelityMeter {
  add(reference: Readonly<Record<string, Tensor>>, candidate: Readonly<Record<string, Tensor>>): void;
  result(): Fidelity;
}

/** @param outputs of the reference; the candidate's are matched by name */
export function createFidelityMeter(outputs: readonly ValueDescription[], classes: number): FidelityMeter {
  let samples = 0;
  let cosine = 0;
  let cosineMin = 1;
  let signal = 0;
  let noise = 0;
  let maxAbsError = 0;
  let classified = 0;
  let agree = 0;
  return {
    add(reference, candidate) {
      let dot = 0;
      let own = 0;
      let other = 0;
      for (const { name } of outputs) {
        const tensor = reference[name];
        const a = tensor && floatsOf(tensor);
        if (a === undefined) continue;
        const answer = candidate[name];
        const b = answer && floatsOf(answer);
        if (b === undefined || b.length !== a.length) {
          throw new EdgewiseError('BAD_REQUEST', `The two models do not answer alike: output "${name}" ${b === undefined ? 'is missing in the second' : `has ${a.length} elements in the first and ${b.length} in the second`}.`, {
            hint: 'Compare a model with one that was made from it.',
            details: { output: name },
          });
        }
        for (let i = 0; i < a.length; i++) {
          const x = a[i] as number;
          const y = b[i] as number;
          if (x === y || (Number.isNaN(x) && Number.isNaN(y))) {
            // Also NaN twice and infinities of the same sign; they carry no scale.
            if (Number.isFinite(x)) {
              dot += x * x;
              own += x * x;
              other += x * x;
            }
            continue;
          }
          const difference = x - y;
          dot += x * y;
          own += x * x;
          other += y * y;
          noise += difference * difference;
          const size = Math.abs(difference);
          if (!(size <= maxAbsError)) maxAbsError = Number.isNaN(size) ? Number.POSITIVE_INFINITY : size;
        }
      }
      const similarity = own === 0 && other === 0 ? 1 : dot / (Math.sqrt(own * other) || 1);
      const bounded = Number.isFinite(similarity) ? Math.min(1, similarity) : 0;
      cosine += bounded;
      cosineMin = Math.min(cosineMin, bounded);
      signal += own;
      samples++;
      const before = scoresOf(reference, outputs, classes);
      const after = scoresOf(candidate, outputs, classes);
      if (before && after) {
        classified++;
        if (argMax(before) === argMax(after)) agree++;
      }
    },
    result: () => ({
      samples,
      cosine: samples === 0 ? 0 : cosine / samples,
      cosineMin,
      sqnrDb: noise === 0 ? null : Number.isFinite(noise) && signal > 0 ? 10 * Math.log10(signal / noise) : -1000,
      top1Agreement: classified === 0 || classified < samples ? null : agree / classified,
      maxAbsError: Number.isFinite(maxAbsError) ? maxAbsError : Number.MAX_VALUE,
    }),
  };
}

/** Index of the largest value, the first one on ties; NaN is no value, and -1 says that there is none. */
export function argMax(values: Float32Array): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) if (best < 0 ? !Number.isNaN(values[i]) : (values[i] as number) > (values[best] as number)) best = i;
  return best;
}
