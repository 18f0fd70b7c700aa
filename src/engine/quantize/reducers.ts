/** Reducers for calibration. */
import type { ReducerFactory } from '../../base/ports.ts';
import { MinMaxReducer } from './observers/min-max.ts';

export const quantizeReducers: Readonly<Record<string, ReducerFactory>> = {
  'min-max': () => new MinMaxReducer(),
};
