/** Which model came from which: a tree over the records of the library. */
import type { ModelRecord } from '../../../../src/contract/records/model.ts';

export interface LineageNode {
  readonly id: string;
  /** null: the model has been removed since; only its place in the tree is left. */
  readonly model: ModelRecord | null;
  /** The recipe that made it; null for a root. */
  readonly recipe: string | null;
  readonly depth: number;
}

/** The whole family of a model, parents before children, as lines of a tree. */
export function lineageOf(id: string, byId: Readonly<Record<string, ModelRecord>>): readonly LineageNode[] {
  const parentOf = (of: string): string | null => {
    const origin = byId[of]?.origin;
    return origin?.kind === 'optimized' ? origin.fromModelId : null;
  };
  let root = id;
  const seen = new Set([id]);
  for (let parent = parentOf(root); parent !== null && !seen.has(parent); parent = parentOf(root)) {
    seen.add(parent);
    root = parent;
  }
  const children = new Map<string, ModelRecord[]>();
  for (const model of Object.values(byId)) {
    const parent = parentOf(model.id);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), model]);
  }
  const lines: LineageNode[] = [];
  const walked = new Set<string>();
  const walk = (at: string, depth: number): void => {
    if (walked.has(at)) return;
    walked.add(at);
    const model = byId[at] ?? null;
    lines.push({ id: at, model, recipe: model?.origin.kind === 'optimized' ? model.origin.recipe : null, depth });
    for (const child of (children.get(at) ?? []).sort((a, b) => a.createdAt.localeCompare(b.createdAt))) walk(child.id, depth + 1);
  };
  walk(root, 0);
  return lines;
}
