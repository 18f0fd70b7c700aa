/** Reducers for calibration. */
import type { ReducerFactory } from '../../base/ports.ts';
import { CalibrationReducer } from './observers/calibration.ts';

export const quantizeReducers: Readonly<Record<string, ReducerFactory>> = {
  calibration: (options) => new CalibrationReducer(options),
};
