/** The queue of a stable topological sort. */
import type { NodeData } from './types.ts';

/** A binary heap that pops the node that stood first. */
export class RankHeap {
  readonly #items: NodeData[] = [];
  readonly #rank: ReadonlyMap<NodeData, number>;

  constructor(rank: ReadonlyMap<NodeData, number>, items: readonly NodeData[]) {
    this.#rank = rank;
    for (const item of items) this.push(item);
  }

  push(item: NodeData): void {
    const items = this.#items;
    items.push(item);
    let child = items.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#before(parent, child)) break;
      this.#swap(parent, child);
      child = parent;
    }
  }

  pop(): NodeData | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    items[0] = last;
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      if (left >= items.length) break;
      const child = left + 1 < items.length && this.#before(left + 1, left) ? left + 1 : left;
      if (this.#before(parent, child)) break;
      this.#swap(parent, child);
      parent = child;
    }
    return top;
  }

  #before(a: number, b: number): boolean {
    return this.#rankAt(a) <= this.#rankAt(b);
  }
  #rankAt(index: number): number {
    return this.#rank.get(this.#items[index] as NodeData) ?? 0;
  }
  #swap(a: number, b: number): void {
    const item = this.#items[a] as NodeData;
    this.#items[a] = this.#items[b] as NodeData;
    this.#items[b] = item;
  }
}
