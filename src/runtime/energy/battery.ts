/**
 * What a battery has given, while it discharges (docs.kernel.org/power/power_supply_class.html): `energy_now` in uWh, or `charge_now` in uAh times
 * `voltage_now` in uV. On mains the figure says nothing of what is drawn, so plugging in is a break. Fuel gauges step by some 10 mWh.
 */
import { join } from 'node:path';
import { namesIn, readNumber, readSmall } from './read-small.ts';
import type { Finding } from './types.ts';
import { watchedMeter } from './watched-meter.ts';

const EVERY_MS = 2000;
/** 10 mWh; gauges that count charge step by about 1 mAh at 7 to 15 V, which is the same. */
const STEP_J = 36;

interface Look {
  readonly discharging: boolean;
  /** What is left: joules (`volts` is 1), or coulombs at a voltage. */
  readonly left: number;
  readonly volts: number;
}

export async function findBattery(root: string, now: () => number): Promise<Finding> {
  const base = join(root, 'sys/class/power_supply');
  const folders: string[] = [];
  for (const name of await namesIn(base)) {
    const folder = join(base, name);
    // Scope `Device` is the battery of a mouse.
    if ((await readSmall(join(folder, 'type'))).text === 'Battery' && (await readSmall(join(folder, 'scope'))).text !== 'Device' && (await look(folder)) !== null) folders.push(folder);
  }
  if (folders.length === 0) return { kind: 'battery', fixable: false, reason: 'no battery that tells its energy or charge' };
  const first = await Promise.all(folders.map(look));
  if (!first.some((each) => each?.discharging === true)) return { kind: 'battery', fixable: true, reason: 'the battery is not discharging: unplug the charger to measure by it' };

  let before: readonly Look[] | null = null;
  let joules = 0;
  let segment = 0;
  let reason: string | null = null;
  const interrupt = (why: string): void => {
    segment++;
    before = null;
    reason = why;
  };
  return watchedMeter({
    source: `battery ${folders.map((folder) => folder.split('/').at(-1) ?? '').join(' and ')}`,
    tier: 'counter',
    scope: 'machine',
    uncertainty: 0.1,
    everyMs: EVERY_MS,
    now,
    resolutionJ: () => STEP_J,
    notes: ['counts all that the battery gives, the screen included', 'the gauge steps by about 10 mWh, so it takes stretches of a minute and more'],
    async sample() {
      const found = await Promise.all(folders.map(look));
      const looks = found.flatMap((each) => each ?? []);
      if (looks.length < found.length) {
        interrupt('the battery can no longer be read');
        return { failed: 'the battery can no longer be read' };
      }
      if (!looks.some((each) => each.discharging)) {
        interrupt('the battery was not discharging');
        return { failed: 'the battery is not discharging' };
      }
      const delta = before === null ? 0 : given(before, looks);
      if (delta < 0) interrupt('the battery was charged');
      else joules += delta;
      before = looks;
      return { joules, segment, reason };
    },
  });
}

/** Charge is weighed by the voltage at which it went: charge times voltage, before less after, would count the sag of the voltage as work. */
function given(before: readonly Look[], after: readonly Look[]): number {
  return after.reduce((sum, { left, volts }, index) => sum + ((before[index]?.left ?? left) - left) * (((before[index]?.volts ?? volts) + volts) / 2), 0);
}

async function look(folder: string): Promise<Look | null> {
  const discharging = (await readSmall(join(folder, 'status'))).text === 'Discharging';
  const microwattHours = await readNumber(join(folder, 'energy_now'));
  if (microwattHours !== null) return { discharging, left: (microwattHours * 3600) / 1e6, volts: 1 };
  const [microampereHours, microvolts] = await Promise.all([readNumber(join(folder, 'charge_now')), readNumber(join(folder, 'voltage_now'))]);
  return microampereHours === null || microvolts === null ? null : { discharging, left: (microampereHours * 3600) / 1e6, volts: microvolts / 1e6 };
}
