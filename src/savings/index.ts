/** Front door of the savings arithmetic: tables of figures in, costs and savings with their evidence out. Nothing here reads a clock, a file or chance. */
export { DEFAULT_ASSUMPTIONS } from './cost/assumptions.ts';
export { ledgerOf, summaries } from './cost/ledger.ts';
export { prepareSavings, type SavingsPanel } from './saving/panel.ts';
export { savingOf, savingsBy } from './saving/result.ts';
export { rowsOf } from './saving/sides.ts';
export { COLUMN_NAMES, figureTableBuilder, type ColumnName, type DevicePlace, type FigureTable, type StorePlace, type TableSpan } from './table/figure-table.ts';
export type { SavingsQuery, Update } from './types.ts';
export { dayCurve } from './views/day-curve.ts';
export { scatterPoints } from './views/scatter.ts';
export { waterfallOf } from './views/waterfall.ts';
export { whatIf } from './views/what-if.ts';
