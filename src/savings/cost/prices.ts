/** What electricity costs in a store at an hour of its week, and how clean it is. */
import { EdgewiseError } from '../../base/errors.ts';
import type { HardwareCost, SavingsAssumptions, TariffPlan } from '../../contract/records/savings.ts';
import type { EnergyTier } from '../../contract/records/telemetry.ts';
import type { DevicePlace, FigureTable, StorePlace } from '../table/figure-table.ts';

const MINUTES_OF_WEEK = 7 * 24 * 60;
const JOULES_PER_KWH = 3_600_000;

/** Price of each hour of the week, from Monday 00:00, CNY per kWh; where a period begins within an hour, the mean. */
export function weekPrices(plan: TariffPlan): Float64Array {
  const minutes = new Float64Array(MINUTES_OF_WEEK).fill(plan.otherwiseCnyPerKwh);
  for (const { span, cnyPerKwh } of plan.periods.toReversed()) {
    const from = minuteOf(span.from);
    const until = minuteOf(span.to);
    const length = until > from ? until - from : until - from + 24 * 60;
    for (const day of span.days) {
      for (let minute = 0; minute < length; minute++) minutes[((day - 1) * 24 * 60 + from + minute) % MINUTES_OF_WEEK] = cnyPerKwh;
    }
  }
  return Float64Array.from({ length: 7 * 24 }, (_, hour) => minutes.subarray(hour * 60, hour * 60 + 60).reduce((sum, price) => sum + price, 0) / 60);
}

function minuteOf(clock: string): number {
  const [hours, minutes] = clock.split(':').map(Number);
  return (hours ?? 0) * 60 + (minutes ?? 0);
}

/** The plan that holds for a store. */
export function planOf(assumptions: SavingsAssumptions, store: StorePlace): TariffPlan {
  const own = assumptions.tariffOfStore[store.id];
  if (own) return own;
  if (store.tariffCnyPerKwh !== null) return { otherwiseCnyPerKwh: store.tariffCnyPerKwh, periods: [], source: 'As the store is registered.' };
  return assumptions.tariffOfRegion[store.region] ?? assumptions.tariff;
}

export function hardwareOf(assumptions: SavingsAssumptions, deviceClass: string): HardwareCost {
  return assumptions.hardwareOfClass[deviceClass] ?? assumptions.hardware;
}

/** Of a device, CNY and kg CO2e a day, of what it costs to have. */
export function capitalPerDay(assumptions: SavingsAssumptions, device: Pick<DevicePlace, 'class' | 'workload'>): { readonly cny: number; readonly kg: number } {
  const { priceCny, lifeDays, embodiedKg } = hardwareOf(assumptions, device.class);
  const share = (assumptions.shareOfWorkload[device.workload] ?? assumptions.workloadShare).value;
  return { cny: (priceCny.value / lifeDays.value) * share, kg: (embodiedKg.value / lifeDays.value) * share };
}

/** gCO2e per kWh. @throws EdgewiseError BAD_REQUEST where the table has no such entry */
export function gridOf(assumptions: SavingsAssumptions, region: string): number {
  const id = assumptions.gridOfRegion[region] ?? assumptions.gridDefault;
  const entry = assumptions.grid.find((each) => each.id === id);
  if (!entry) throw new EdgewiseError('BAD_REQUEST', `The carbon table has no entry ${id}, which region ${region} names.`, { hint: 'Add it to the table or name another.' });
  return entry.gPerKwh;
}

/** kWh from the wall for joules at the device; a wall meter has measured them there already. */
export function wallKwh(assumptions: SavingsAssumptions, joules: number, tier: EnergyTier | null): number {
  return (joules * (tier === 'metered' ? 1 : assumptions.wallFactor.value)) / JOULES_PER_KWH;
}

/**
 * Price of a row, CNY per kWh with cooling (PUE). A day row has the mean of its day.
 * @param shape share of the energy in each hour of a day, for day rows; even where left out
 */
export function rowPrice(table: FigureTable, assumptions: SavingsAssumptions, shape?: ArrayLike<number>): (hour: number, store: number) => number {
  const known = new Map<string, Float64Array>();
  const weight = Array.from({ length: 24 }, (_, hour) => shape?.[hour] ?? 1);
  const whole = weight.reduce((sum, each) => sum + each, 0);
  const prices = table.stores.map((store) => {
    const plan = planOf(assumptions, store);
    const key = JSON.stringify(plan);
    let week = known.get(key);
    if (week === undefined) {
      week = weekPrices(plan).map((price) => price * assumptions.pue.value);
      if (table.span === 'day' && whole > 0) {
        const hours = week;
        week = Float64Array.from({ length: 168 }, (_, hour) => weight.reduce((sum, each, of) => sum + each * (hours[hour - (hour % 24) + of] ?? 0), 0) / whole);
      }
      known.set(key, week);
    }
    return week;
  });
  return (hour, store) => prices[store]?.[hour] ?? 0;
}
