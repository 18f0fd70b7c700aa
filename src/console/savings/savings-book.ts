/** What the user assumes and has decided: kept with a number, so that whatever was computed from an older state is not shown as if it were from this one. */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { capacityDecision, savingsAssumptions, type CapacityDecision, type SavingsAssumptions } from '../../contract/records/savings.ts';
import { DEFAULT_ASSUMPTIONS } from '../../savings/index.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Store } from '../store/open-store.ts';

const decisionsRecord = z.array(capacityDecision);
const MOST_DECISIONS = 10_000;

export interface SavingsBook {
  assumptions(): SavingsAssumptions;
  /** @throws BAD_REQUEST where a grid is named that is not in the table */
  saveAssumptions(next: SavingsAssumptions): SavingsAssumptions;
  decisions(): CapacityDecision[];
  /** @throws NOT_FOUND (the store) */
  saveDecision(decision: CapacityDecision): CapacityDecision[];
  /** @throws NOT_FOUND */
  removeDecision(id: string): CapacityDecision[];
  /** Counts up with every change. */
  revision(): number;
}

export function openSavingsBook(store: Store, registry: Pick<FleetRegistry, 'store'>): SavingsBook {
  let assumptions = store.settings.own('savings-assumptions', savingsAssumptions) ?? DEFAULT_ASSUMPTIONS;
  let decisions = store.settings.own('savings-decisions', decisionsRecord) ?? [];
  let revision = 0;

  const keep = (next: CapacityDecision[]): CapacityDecision[] => {
    store.settings.setOwn('savings-decisions', next);
    decisions = next;
    revision++;
    return next;
  };
  return {
    assumptions: () => assumptions,
    saveAssumptions(next) {
      const known = new Set(next.grid.map(({ id }) => id));
      const missing = [next.gridDefault, ...Object.values(next.gridOfRegion)].find((id) => !known.has(id));
      if (missing !== undefined) throw new EdgewiseError('BAD_REQUEST', `The grid "${missing}" is not in the table of grids.`, { hint: 'Choose one of the table, or add it.' });
      store.settings.setOwn('savings-assumptions', next);
      assumptions = next;
      revision++;
      return next;
    },
    decisions: () => decisions,
    saveDecision(decision) {
      if (registry.store(decision.storeId) === undefined) throw new EdgewiseError('NOT_FOUND', `There is no store "${decision.storeId}".`);
      if (decisions.length >= MOST_DECISIONS) throw new EdgewiseError('RESOURCE_LIMIT', `There are ${decisions.length} decisions already.`, { hint: 'Remove some that are over.' });
      return keep([...decisions.filter(({ id }) => id !== decision.id), decision]);
    },
    removeDecision(id) {
      if (!decisions.some((decision) => decision.id === id)) throw new EdgewiseError('NOT_FOUND', `There is no decision "${id}".`);
      return keep(decisions.filter((decision) => decision.id !== id));
    },
    revision: () => revision,
  };
}
