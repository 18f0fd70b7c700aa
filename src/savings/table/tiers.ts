/** How good evidence is: that of a result is the weakest of its inputs. */
import type { EnergyTier } from '../../contract/records/telemetry.ts';

const WEAKER: readonly EnergyTier[] = ['metered', 'counter', 'modelled'];

/** null: there is no figure of energy at all. */
export function weakest(tiers: Iterable<EnergyTier | null>): EnergyTier | null {
  let found: EnergyTier | null = null;
  for (const tier of tiers) {
    if (tier !== null && (found === null || WEAKER.indexOf(tier) > WEAKER.indexOf(found))) found = tier;
  }
  return found;
}
