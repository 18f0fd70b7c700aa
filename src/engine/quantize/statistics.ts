/** What calibration learns of a value. */
import type { Range } from './quant-params.ts';

export interface ValueStatistics {
  /** Over all samples, the bounds of the operator applied. */
  readonly range: Range;
  /** Largest number of each channel (axis 1), where it was asked for. */
  readonly channelMax: Float32Array | null;
  /** Mean of each channel, where it was asked for. */
  readonly channelMean: Float32Array | null;
}

export type Statistics = ReadonlyMap<string, ValueStatistics>;
