/** What the page shows: one graph, or two of which one was made from the other, and the report that ties them. */
import type { ModelGraph } from '../../../../src/contract/records/graph.ts';
import type { ModelRecord } from '../../../../src/contract/records/model.ts';
import type { OptimizeReport } from '../../../../src/contract/records/report.ts';
import type { RouteOutput } from '../../../../src/contract/rpc/routes.ts';
import { api } from '../../transport/client.ts';
import { nameIndex, type NameIndex } from './names.ts';

export interface Side {
  readonly role: 'only' | 'before' | 'after';
  readonly model: ModelRecord;
  readonly graph: ModelGraph;
  readonly index: NameIndex;
}

export interface Loaded {
  /** One, or the one before and the one after. */
  readonly sides: readonly Side[];
  readonly report: OptimizeReport | null;
  /** Models that a report ties to the one shown. */
  readonly related: readonly string[];
}

export async function loadGraphs(id: string, other: string): Promise<Loaded> {
  const [reports, ...found] = await Promise.all([api.invoke('reports.forModel', { modelId: id }), read(id), ...(other === '' || other === id ? [] : [read(other)])]);
  const report = reports.find((entry) => (other === '' ? entry.toModelId === id : isPair(entry, id, other)));
  const pair = found.toSorted((a, b) => (report ? Number(b.model.id === report.fromModelId) - Number(a.model.id === report.fromModelId) : a.model.createdAt.localeCompare(b.model.createdAt)));
  return {
    sides: pair.map((side, index) => Object.assign(side, { role: pair.length === 1 ? ('only' as const) : index === 0 ? ('before' as const) : ('after' as const) })),
    report: report?.report ?? null,
    related: [...new Set(reports.flatMap(({ fromModelId, toModelId }) => [fromModelId, toModelId]))].filter((model) => model !== id),
  };
}

async function read(id: string): Promise<Omit<Side, 'role'>> {
  const [{ model }, graph] = await Promise.all([api.invoke('models.get', { id }), api.invoke('models.graph', { id })]);
  return { model, graph, index: nameIndex(graph) };
}

function isPair({ fromModelId, toModelId }: RouteOutput<'reports.forModel'>[number], a: string, b: string): boolean {
  return (fromModelId === a && toModelId === b) || (fromModelId === b && toModelId === a);
}
