/** What is asked of the savings arithmetic, and the panel that answers are taken from. */
import type { CapacityDecision, SavingMethod, SavingsAssumptions } from '../contract/records/savings.ts';
import type { FigureTable } from './table/figure-table.ts';

/** A device began to run another artifact: told by a rollout or seen in its telemetry. */
export interface Update {
  readonly deviceId: string;
  /** By the table's clock: UTC, for a table of days the store's clock. */
  readonly atMs: number;
  /** May be equal: then time alone parts the sides. null: whatever ran. */
  readonly fromDigest: string | null;
  readonly toDigest: string | null;
  /** null: seen in telemetry, ordered by no rollout. */
  readonly rolloutId: string | null;
}

export interface SavingsQuery {
  readonly table: FigureTable;
  readonly assumptions: SavingsAssumptions;
  /** The update whose worth is asked for, one for each device. Devices without one were held back. */
  readonly updates: readonly Update[];
  readonly decisions: readonly CapacityDecision[];
  /** The period on the page: rows after the update and in it are the one side. `toMs` does not belong. */
  readonly fromMs: number;
  readonly toMs: number;
  /** So long before each device's update is the other side. */
  readonly baselineMs: number;
  /** After the update, left out: caches fill, the device cools. A table of days leaves out the day of the update in any case. */
  readonly settleMs: number;
  /** `auto`: against stores held back where there are enough of them, else before and after. */
  readonly method: SavingMethod | 'auto';
  /** Of the bootstrap. The same seed gives the same interval. */
  readonly seed: number;
  /** Draws of the bootstrap; 1000 is plenty. */
  readonly rounds: number;
}
