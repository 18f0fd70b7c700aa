/**
 * Elements for the rows in sight, used again: a row that stays in sight keeps its own, one that comes takes one that another has left. To change the text of
 * an element costs a fraction of building one.
 */
export class RowSlots {
  private slots = new Map<string, number>();

  /**
   * The element of each row.
   * @param ids of the rows in sight, each once
   * @param pinned a row whose element is not given to another: the focus is in it, and would be in the other without a word
   */
  assign(ids: readonly string[], pinned: string | null): readonly number[] {
    const before = this.slots;
    const kept = new Set(ids.flatMap((id) => before.get(id) ?? []));
    const left = [...before].flatMap(([id, slot]) => (id === pinned || kept.has(slot) ? [] : [slot]));
    const blocked = pinned === null ? undefined : before.get(pinned);
    const used = new Set([...kept, ...left]);
    let fresh = 0;
    let next = 0;
    const take = (): number => {
      const free = left[next++];
      if (free !== undefined) return free;
      while (used.has(fresh) || fresh === blocked) fresh++;
      return fresh++;
    };
    this.slots = new Map(ids.map((id) => [id, before.get(id) ?? take()]));
    return [...this.slots.values()];
  }
}
