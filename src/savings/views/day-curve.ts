/** Power and work by the hour of the store's day, before and after, of the rows that a result was computed from. */
import type { DayCurvePoint, SavingScope } from '../../contract/records/savings.ts';
import { groupKey, ratio } from '../cost/ledger.ts';
import type { SavingsPanel } from '../saving/panel.ts';
import { rowsOf } from '../saving/sides.ts';
import { slotsOf } from '../table/rows.ts';

/** 24 points; empty for a table of days, which knows no hours. */
export function dayCurve(panel: SavingsPanel, scope: SavingScope): DayCurvePoint[] {
  const { table } = panel.query;
  if (table.span === 'day') return [];
  const slots = slotsOf(table);
  const sums = (): { ms: Float64Array; energyJ: Float64Array; inferences: Float64Array } => ({ ms: new Float64Array(24), energyJ: new Float64Array(24), inferences: new Float64Array(24) });
  const sides = { before: sums(), after: sums() };
  const key = scope.kind === 'chain' ? '' : scope.id;
  for (const [device, pair] of panel.pairs) {
    const window = panel.windows.get(device);
    if (pair.leftOut !== null || !window || groupKey(table, device, scope.kind) !== key) continue;
    const rows = rowsOf(table, device, window);
    for (const side of ['before', 'after'] as const) {
      const into = sides[side];
      for (const at of rows[side]) {
        if (table.evidence[at] !== pair.evidence) continue;
        const hour = (slots[at] ?? 0) % 24;
        into.ms[hour] = (into.ms[hour] ?? 0) + (table.columns.energyMs[at] ?? 0);
        into.energyJ[hour] = (into.energyJ[hour] ?? 0) + (table.columns.energyJ[at] ?? 0);
        into.inferences[hour] = (into.inferences[hour] ?? 0) + (table.columns.energyInferences[at] ?? 0);
      }
    }
  }
  const of = (side: 'before' | 'after', hour: number): { w: number | null; perHour: number | null; each: number | null } => {
    const { ms, energyJ, inferences } = sides[side];
    return {
      w: ratio((energyJ[hour] ?? 0) * 1000, ms[hour] ?? 0),
      perHour: ratio((inferences[hour] ?? 0) * 3_600_000, ms[hour] ?? 0),
      each: ratio(energyJ[hour] ?? 0, inferences[hour] ?? 0),
    };
  };
  return Array.from({ length: 24 }, (_, hour) => {
    const [before, after] = [of('before', hour), of('after', hour)];
    return { hour, beforeW: before.w, afterW: after.w, beforePerHour: before.perHour, afterPerHour: after.perHour, beforeJ: before.each, afterJ: after.each };
  });
}
