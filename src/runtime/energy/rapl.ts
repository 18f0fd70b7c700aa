/**
 * The processor's own energy counters through the kernel's powercap interface (docs.kernel.org/power/powercap/powercap.html): zones
 * `intel-rapl:N` with `name`, `energy_uj` and `max_energy_range_uj`; `energy_uj` counts microjoules and begins at zero again beyond its range. AMD's
 * counters come through the same folders. A zone below a zone (`intel-rapl:0:0`: core, uncore, dram) is part of it, so it is never added.
 * `psys` counts the whole platform where the board has it wired; packages are part of it. `intel-rapl-mmio:0` is the same package by another road.
 * Since Linux 5.10 the files are the administrator's alone (CVE-2020-8694).
 */
import { join } from 'node:path';
import { createCounterSum, type CounterSum } from './arithmetic.ts';
import { namesIn, readNumber, readSmall } from './read-small.ts';
import { watchedMeter } from './watched-meter.ts';
import type { Finding } from './types.ts';

/** Of one zone: above what a package or a small machine can draw, below what would make a wrap look like one. */
const MOST_W = 1500;
/** Often enough for the smallest range known (65 kJ) at that power. */
const KEEP_UP_MS = 10_000;
/** The counter is brought up to date about every millisecond; its unit is 61 uJ or finer (15.3 uJ, 1 uJ). */
const UPDATE_S = 0.001;
const UNIT_J = 61e-6;

interface Zone {
  readonly folder: string;
  readonly name: string;
  readonly sum: CounterSum;
}

export async function findRapl(root: string, now: () => number): Promise<Finding> {
  const powercap = join(root, 'sys/class/powercap');
  const tops = (await namesIn(powercap)).filter((name) => /^intel-rapl(?:-mmio)?:\d+$/u.test(name));
  if (tops.length === 0) return { kind: 'rapl', fixable: false, reason: 'the processor shows no energy counter (no intel-rapl in /sys/class/powercap)' };
  const zones = new Map<string, Zone>();
  for (const top of tops) {
    const folder = join(powercap, top);
    const name = (await readSmall(join(folder, 'name'))).text ?? '';
    const rangeUj = await readNumber(join(folder, 'max_energy_range_uj'));
    // Sorted, so that `intel-rapl:` comes after `intel-rapl-mmio:` and takes its place.
    if (/^(?:package|psys)/u.test(name) && rangeUj !== null && rangeUj > 0) zones.set(name, { folder, name, sum: createCounterSum({ rangeJ: rangeUj / 1e6, mostW: MOST_W }) });
  }
  const psys = zones.get('psys');
  const packages = [...zones.values()].filter(({ name }) => name !== 'psys');
  const denied: string[] = [];
  for (const wanted of [psys === undefined ? [] : [psys], packages]) {
    if (wanted.length === 0) continue;
    const first = await Promise.all(wanted.map(({ folder }) => readSmall(join(folder, 'energy_uj'))));
    if (first.some((file) => file.text === null && file.problem === 'forbidden')) denied.push(...wanted.map(({ name }) => name));
    // A psys that nobody wired stays at zero.
    else if (first.every((file) => file.text !== null && /^\d{1,18}$/u.test(file.text) && (wanted[0] !== psys || file.text !== '0'))) return raplMeter(wanted, wanted[0] === psys, now);
  }
  if (denied.length > 0) {
    return { kind: 'rapl', fixable: true, reason: `the processor counts its energy (${denied.join(', ')}), but this user may not read /sys/class/powercap/intel-rapl:*/energy_uj: run as root, or allow it with a udev rule` };
  }
  return { kind: 'rapl', fixable: false, reason: 'powercap has no package or psys zone that can be read' };
}

function raplMeter(zones: readonly Zone[], platform: boolean, now: () => number): Finding {
  return watchedMeter({
    source: `RAPL ${zones.map(({ name }) => name).join(' and ')}`,
    tier: 'counter',
    scope: platform ? 'machine' : 'processor',
    uncertainty: platform ? 0.1 : 0.05,
    everyMs: KEEP_UP_MS,
    now,
    resolutionJ: (watts) => Math.max(UNIT_J * zones.length, (watts ?? 20) * UPDATE_S),
    notes: platform ? ['psys counts what the board maker has wired to it, often all but the power supply; packages are in it and are not added'] : ['counts processor packages, not memory modules, disks, fans or the power supply'],
    async sample() {
      let joules = 0;
      let segment = 0;
      let reason: string | null = null;
      for (const { folder, name, sum } of zones) {
        const file = await readSmall(join(folder, 'energy_uj'));
        if (file.text === null || !/^\d{1,18}$/u.test(file.text)) return { failed: `${name} can no longer be read` };
        sum.add(now(), Number(file.text) / 1e6);
        const each = sum.sum();
        joules += each.joules;
        segment += each.segment;
        reason = each.reason ?? reason;
      }
      return { joules, segment, reason };
    },
  });
}
