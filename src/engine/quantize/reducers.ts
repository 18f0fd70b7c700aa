/** Reducers for calibration. */
import type { ReducerFactory } from '../../base/ports.ts';
import { CalibrationReducer } from './observers/calibration.ts';
import { SumReducer } from './observers/sum.ts';

export const quantizeReducers: Readonly<Record<string, ReducerFactory>> = {
  calibration: (options) => new CalibrationReducer(options),
  sum: () => new SumReducer(),
};
