/** Reducers for calibration. */
import type { ReducerFactory } from '../../base/ports.ts';
import { CalibrationReducer } from './observers/calibration.ts';
import { HistogramReducer } from './observers/histogram.ts';
import { SumReducer } from './observers/sum.ts';

export const quantizeReducers: Readonly<Record<string, ReducerFactory>> = {
  calibration: (options) => new CalibrationReducer(options),
  histogram: (options) => new HistogramReducer(options),
  sum: () => new SumReducer(),
};
