/**
 * recognize-units
 *
 * before, after: the same graph
 * Counts layers with the bias, normalization and activation that a runtime computes with them in one kernel (see find-units.ts). Relu and
 * Clip stay nodes: fusing them is the runtime's own doing, and a quantizer reads the same units from `findUnits`.
 */
import { definePass, noOptions } from './define-pass.ts';
import { findUnits, unitKind } from './find-units.ts';

export const recognizeUnits = definePass({
  name: 'recognize-units',
  family: 'fusion',
  summary: 'Counts convolutions and Gemms with the normalization and activation that belong to them; changes nothing.',
  options: noOptions,
  run(graph) {
    const units = findUnits(graph);
    const stats: Record<string, number> = units.length > 0 ? { units: units.length } : {};
    for (const unit of units) {
      const kind = unitKind(unit);
      stats[kind] = (stats[kind] ?? 0) + 1;
    }
    return { changed: 0, stats, notes: [] };
  },
});
