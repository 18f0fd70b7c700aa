/**
 * Rounds weights up or down so that the output of the layer stays where it was, instead of each weight to its nearest integer.
 *
 * With e = W_q - W for one output channel and x the numbers that it is multiplied by, the output is off by e.x. Its mean square is
 *
 *     E[(e.x)^2] = e^T H e,  H = E[x x^T]
 *
 * so errors of weights whose inputs go together can cancel. That is the objective of AdaRound (Nagel et al., arXiv 2004.10568, equation
 * 13) for one layer. There it is relaxed and learnt with gradients (equations 20 to 25); here it is minimized as it stands, by coordinate
 * descent over the two integers next to each weight: turning weight i by d changes the objective by 2 d (H e)_i + d^2 H_ii, so each
 * turn costs one row of H. It begins at the nearest integers and only ever takes turns that lower the objective. Pairs of weights are
 * not turned together, so the end is a local minimum.
 *
 * Where the bias takes back the mean of e.x, what is left is its variance, and H is the covariance of x.
 */

/** The rows of weights that see the same kind of inputs, as one matrix: weight k of row r stands at r * rowStride + k * stride. */
export interface RoundingRows {
  readonly rows: number;
  readonly terms: number;
  readonly rowStride: number;
  readonly stride: number;
}

/** Weights over their scale and where they are rounded to. */
export interface RoundingProblem {
  readonly layout: RoundingRows;
  /** Of each row. */
  readonly scales: Float32Array;
  readonly limit: number;
  /** One or more matrices terms x terms one after the other; row r takes number floor(r / (rows / matrices)). */
  readonly moments: Float32Array;
}

/** Turns lower the objective by at least this share of it, so that rounding errors cannot make them go round. */
const LEAST_GAIN = 1e-7;
const MOST_SWEEPS = 30;

/** @param nearest what rounding to nearest gives, in the layout of `values`; it is left as it is */
export function roundAdaptively(values: Float32Array, nearest: Int8Array, { layout, scales, limit, moments }: RoundingProblem): Int8Array {
  const { rows, terms, rowStride, stride } = layout;
  const result = nearest.slice();
  const square = terms * terms;
  const perMatrix = rows / Math.max(1, moments.length / square);
  const error = new Float64Array(terms);
  const gradient = new Float64Array(terms);
  for (let row = 0; row < rows; row++) {
    const scale = scales[scales.length === 1 ? 0 : row] as number;
    const matrix = moments.subarray(Math.floor(row / perMatrix) * square, (Math.floor(row / perMatrix) + 1) * square);
    const start = row * rowStride;
    for (let k = 0; k < terms; k++) error[k] = (result[start + k * stride] as number) - (values[start + k * stride] as number) / scale;
    let objective = product(matrix, error, gradient);
    for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
      let turned = false;
      for (let k = 0; k < terms; k++) {
        const off = error[k] as number;
        // The other neighbour: below where the weight was rounded up, above where it was rounded down.
        const turn = off > 0 ? -1 : 1;
        const at = start + k * stride;
        const integer = (result[at] as number) + turn;
        // Beyond one step off is a weight that was clamped: it stays.
        if (integer > limit || integer < -limit || Math.abs(off) > 1) continue;
        const gain = -(2 * turn * (gradient[k] as number) + (matrix[k * terms + k] as number));
        if (!(gain > LEAST_GAIN * objective)) continue;
        result[at] = integer;
        error[k] = off + turn;
        for (let j = 0, m = k * terms; j < terms; j++, m++) gradient[j] = (gradient[j] as number) + turn * (matrix[m] as number);
        objective -= gain;
        turned = true;
      }
      if (!turned) break;
    }
  }
  return result;
}

/** Writes H e to `gradient` and returns e^T H e. */
function product(matrix: Float32Array, error: Float64Array, gradient: Float64Array): number {
  const terms = error.length;
  let total = 0;
  for (let i = 0, at = 0; i < terms; i++) {
    let sum = 0;
    for (let j = 0; j < terms; j++, at++) sum += (matrix[at] as number) * (error[j] as number);
    gradient[i] = sum;
    total += sum * (error[i] as number);
  }
  return total;
}

/** What the inputs of a layer are on average: sums over all rows that were seen, of one group of inputs after the other. */
export interface InputSums {
  /** Of x x^T, terms x terms a group. */
  readonly products: Float32Array;
  /** Of x, `terms` a group. */
  readonly values: Float32Array;
  readonly count: number;
  readonly terms: number;
}

/** Share of the mean diagonal that is added to the diagonal: what few samples say of how inputs go together is not quite believed. */
const DAMPING = 0.01;

/** H of the objective. @param centered take the means out, since the bias takes them back */
export function inputMoments({ products, values, count, terms }: InputSums, centered: boolean): Float32Array {
  const square = terms * terms;
  const result = new Float32Array(products.length);
  for (let group = 0; group * square < products.length; group++) {
    let trace = 0;
    for (let i = 0; i < terms; i++) {
      const meanOfRow = centered ? (values[group * terms + i] as number) / count : 0;
      for (let j = 0, at = group * square + i * terms; j < terms; j++, at++) {
        result[at] = (products[at] as number) / count - meanOfRow * ((values[group * terms + j] as number) / count);
      }
      trace += result[group * square + i * terms + i] as number;
    }
    const damping = (DAMPING * trace) / terms;
    for (let i = 0; i < terms; i++) {
      const at = group * square + i * terms + i;
      result[at] = (result[at] as number) + damping;
    }
  }
  return result;
}
