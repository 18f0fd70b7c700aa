/** Adaptive rounding of a prepared model: which layers, with what inputs, and the integers that come of it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../../base/errors.ts';
import { subProgress } from '../../base/progress.ts';
import { inputMoments, roundAdaptively } from './adaptive-rounding.ts';
import { layerName, type WeightsToRound } from './apply.ts';
import { measureInputSums, summable, type SummableLayer } from './input-sums.ts';
import type { CalibrationContext } from './probe-model.ts';
import { quantizeS8 } from './quant-params.ts';
import type { BuildChoice, PreparedInt8 } from './static-int8.ts';

/** Fewer rows of inputs than this for each weight of an output say too little of how inputs go together. */
const ROWS_PER_TERM = 2;

export interface ChosenRounding {
  readonly round: NonNullable<BuildChoice['round']>;
  /** Layers that are rounded so. */
  readonly layers: number;
  /** Weights that went to the other neighbour. */
  readonly turned: number;
}

/** @param centered where the bias takes back the mean of each output */
export async function chooseRounding(prepared: PreparedInt8, centered: boolean, context: CalibrationContext): Promise<ChosenRounding> {
  const asked = new Map<string, WeightsToRound & { readonly place: SummableLayer }>();
  prepared.build({
    round: ({ node, weights }, request) => {
      const place = weights ? summable(node, weights.tensor.dims) : null;
      if (place) asked.set(place.layer, { ...request, place });
      return null;
    },
  });
  const sums = await measureInputSums(prepared.float, [...asked.values()].map(({ place }) => place), { ...context, progress: subProgress(context.progress, 0, 0.6) });
  const integers = new Map<string, { readonly scales: Float32Array; readonly limit: number; readonly values: Int8Array }>();
  let turned = 0;
  let done = 0;
  for (const [layer, { values, layout, scales, limit, place }] of asked) {
    // Computing here blocks the process, so a cancel is let in between layers.
    await nextTurn();
    throwIfAborted(context.signal);
    context.progress({ stage: 'quantize', fraction: 0.6 + (0.4 * done++) / asked.size, detail: layer });
    const seen = sums.get(layer);
    if (!seen || seen.count < ROWS_PER_TERM * seen.terms) continue;
    sums.delete(layer);
    const nearest = quantizeS8(values, layout, scales, limit);
    const rounded = roundAdaptively(values, nearest, { layout: place.rows, scales, limit, moments: inputMoments(seen, centered) });
    for (let i = 0; i < rounded.length; i++) if (rounded[i] !== nearest[i]) turned++;
    integers.set(layer, { scales, limit, values: rounded });
  }
  const round: ChosenRounding['round'] = ({ node }, { scales, limit }) => {
    const known = integers.get(layerName(node));
    return known && known.limit === limit && same(known.scales, scales) ? known.values : null;
  };
  return { round, layers: integers.size, turned };
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
