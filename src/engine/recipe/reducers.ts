/** The reducers that the runtime's child process has to know; whoever composes that process hands them over. */
import type { ReducerFactory } from '../../base/ports.ts';
import { quantizeReducers } from '../quantize/reducers.ts';
import { CollectReducer } from './collect-outputs.ts';

export const reducers: Readonly<Record<string, ReducerFactory>> = { ...quantizeReducers, collect: () => new CollectReducer() };
