/**
 * The power monitors of NVIDIA's Jetson boards (INA3221, INA238). Since JetPack 5 through hwmon (docs.kernel.org/hwmon/ina3221.html and
 * ina238.html): `inN_label`, `inN_input` in mV, `currN_input` in mA, `powerN_input` in uW; before that through iio: `rail_name_N`, `in_powerN_input` in mW.
 * Which rail is the whole board stands in "Jetson Linux Developer Guide, Platform Power and Performance". The chips average over up to a second.
 */
import { join } from 'node:path';
import { namesIn, readNumber, readSmall } from './read-small.ts';
import { sampledPower } from './sampled-power.ts';
import type { Finding } from './types.ts';

const EVERY_MS = 200;
const AVERAGING_MS = 1000;

interface Rail {
  readonly name: string;
  /** @returns null: it cannot be read now */
  watts(): Promise<number | null>;
}

/** One rail that feeds all, best first; or rails that together do (Orin AGX; Xavier AGX). */
const WHOLE_BOARD: readonly (readonly string[])[] = [['VDD_IN'], ['POM_5V_IN'], ['VDD_GPU_SOC', 'VDD_CPU_CV', 'VIN_SYS_5V0'], ['GPU', 'CPU', 'SOC', 'CV', 'VDDRQ', 'SYS5V']];

export async function findIna(root: string, now: () => number): Promise<Finding> {
  const rails = [...(await hwmonRails(root)), ...(await iioRails(root))];
  if (rails.length === 0) return { kind: 'ina', fixable: false, reason: 'no INA power monitor in /sys/class/hwmon or on the I2C bus' };
  const byName = new Map(rails.toReversed().map((rail) => [rail.name, rail]));
  const whole = WHOLE_BOARD.find((names) => names.every((name) => byName.has(name)));
  if (whole === undefined) return { kind: 'ina', fixable: false, reason: `none of the INA rails is known to feed the whole board (${[...byName.keys()].join(', ').slice(0, 200)})` };
  const chosen = whole.flatMap((name) => byName.get(name) ?? []);
  const watts = async (): Promise<number | { readonly failed: string }> => {
    const each = await Promise.all(chosen.map((rail) => rail.watts()));
    const lost = each.indexOf(null);
    return lost < 0 ? each.reduce<number>((sum, value) => sum + (value ?? 0), 0) : { failed: `the rail ${chosen[lost]?.name ?? ''} cannot be read` };
  };
  const first = await watts();
  if (typeof first !== 'number') return { kind: 'ina', fixable: true, reason: first.failed };
  return sampledPower({
    source: `INA ${whole.join(' + ')}`,
    tier: 'counter',
    scope: 'board',
    uncertainty: 0.05,
    everyMs: EVERY_MS,
    updateMs: AVERAGING_MS,
    now,
    watts,
    notes: ['the chip averages over up to a second: stretches under 20 s may be off by tens of per cent', 'counts the board behind its input rail, not the power supply'],
  });
}

async function hwmonRails(root: string): Promise<readonly Rail[]> {
  const base = join(root, 'sys/class/hwmon');
  const rails: Rail[] = [];
  for (const chip of await namesIn(base)) {
    const folder = join(base, chip);
    if (!/^ina(?:219|226|2[23]\d|3221)$/u.test((await readSmall(join(folder, 'name'))).text ?? '')) continue;
    for (const file of await namesIn(folder)) {
      const channel = /^in(\d+)_label$/u.exec(file)?.[1];
      const name = channel === undefined ? null : (await readSmall(join(folder, file))).text;
      // The INA3221 has a channel 7 or 8 that is the sum of its shunts, without a voltage.
      if (channel === undefined || name === null || /^sum of shunt/iu.test(name)) continue;
      rails.push({ name, watts: () => hwmonWatts(folder, channel) });
    }
  }
  return rails;
}

/** Power where the chip works it out itself, else voltage times current. */
async function hwmonWatts(folder: string, channel: string): Promise<number | null> {
  const microwatts = await readNumber(join(folder, `power${channel}_input`));
  if (microwatts !== null) return microwatts / 1e6;
  const [millivolts, milliamperes] = await Promise.all([readNumber(join(folder, `in${channel}_input`)), readNumber(join(folder, `curr${channel}_input`))]);
  return millivolts === null || milliamperes === null ? null : (millivolts * milliamperes) / 1e6;
}

async function iioRails(root: string): Promise<readonly Rail[]> {
  const base = join(root, 'sys/bus/i2c/drivers/ina3221x');
  const rails: Rail[] = [];
  for (const chip of await namesIn(base)) {
    for (const device of (await namesIn(join(base, chip))).filter((name) => name.startsWith('iio:device'))) {
      const folder = join(base, chip, device);
      for (const channel of ['0', '1', '2']) {
        const { text } = await readSmall(join(folder, `rail_name_${channel}`));
        if (text === null || text === '') continue;
        rails.push({
          name: text,
          async watts() {
            const milliwatts = await readNumber(join(folder, `in_power${channel}_input`));
            return milliwatts === null ? null : milliwatts / 1000;
          },
        });
      }
    }
  }
  return rails;
}
