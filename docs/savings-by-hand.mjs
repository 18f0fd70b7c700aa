// The saving of some devices from nothing but their measurements, in a way that fits on one page: for whoever wants to check the console's figure.
//
//     node docs/savings-by-hand.mjs MEASUREMENTS.csv [MEASUREMENTS.csv ...]
//
// Each file is what the page of a device under Savings saves as CSV. The formula stands in docs/savings.md, "Equal work": what the hours and inferences
// after the update would have used with the old model, against what was used. Before and after, no stores held back.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** @param {string} csv */
export function rowsOf(csv) {
  const [header = '', ...lines] = csv.replace('\uFEFF', '').trim().split('\r\n');
  const names = header.split(',');
  return lines.map((line) => Object.fromEntries(line.split(',').map((value, at) => [names[at], value])));
}

/** @param {string} csv of one device @returns joules that the old model would have used, and that were used */
export function device(csv) {
  const rows = rowsOf(csv);
  const side = (name) => rows.filter((row) => row.side === name).map((row) => ({ hour: Math.floor(Date.parse(row.from) / 3_600_000) % 168, ms: Number(row.duration_ms), inferences: Number(row.inferences), joules: Number(row.energy_j), above: row.above_idle_j === '' ? null : Number(row.above_idle_j) }));
  const before = side('before');
  const after = side('after');
  const weightOf = weights(before, after);
  const sums = { beforeMs: 0, beforeInferences: 0, beforeIdleJ: 0, beforeAboveJ: 0, afterMs: 0, afterInferences: 0, afterJ: 0 };
  // Where a meter has no figure above idle, all energy goes by inferences.
  const split = [...before, ...after].every(({ above }) => above !== null);
  for (const row of before) {
    const weight = weightOf(row.hour);
    const above = split ? row.above : row.joules;
    sums.beforeMs += weight * row.ms;
    sums.beforeInferences += weight * row.inferences;
    sums.beforeIdleJ += weight * (row.joules - above);
    sums.beforeAboveJ += weight * above;
  }
  for (const row of after) {
    if (weightOf(row.hour) === 0) continue;
    sums.afterMs += row.ms;
    sums.afterInferences += row.inferences;
    sums.afterJ += row.joules;
  }
  return { baselineJ: (sums.beforeIdleJ / sums.beforeMs) * sums.afterMs + (sums.beforeAboveJ / sums.beforeInferences) * sums.afterInferences, optimizedJ: sums.afterJ };
}

/** Each hour of the week counts before as much as it does after; where too few meet, hours of the day do, and then all. */
function weights(before, after) {
  const total = (rows, place) => rows.reduce((sums, row) => sums.set(place(row.hour), (sums.get(place(row.hour)) ?? 0) + row.ms), new Map());
  const all = (rows) => rows.reduce((sum, row) => sum + row.ms, 0);
  for (const place of [(hour) => hour, (hour) => hour % 24, () => 0]) {
    const was = total(before, place);
    const is = total(after, place);
    const weight = (hour) => {
      const factor = (is.get(place(hour)) ?? 0) / (was.get(place(hour)) ?? Number.POSITIVE_INFINITY);
      return factor > (10 * all(after)) / all(before) ? 0 : factor;
    };
    const matched = after.reduce((sum, row) => sum + (weight(row.hour) > 0 ? row.ms : 0), 0);
    if (matched >= 0.8 * all(after) || place(0) === place(1)) return weight;
  }
  return () => 1;
}

/** @param {readonly string[]} files texts */
export function saving(files) {
  const devices = files.map(device);
  const sum = (name) => devices.reduce((total, one) => total + one[name], 0);
  return { baselineJ: sum('baselineJ'), optimizedJ: sum('optimizedJ'), share: 1 - sum('optimizedJ') / sum('baselineJ') };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { baselineJ, optimizedJ, share } = saving(process.argv.slice(2).map((path) => readFileSync(path, 'utf8')));
  process.stdout.write(`old model ${baselineJ.toFixed(1)} J, new model ${optimizedJ.toFixed(1)} J: ${(share * 100).toFixed(2)} % less\n`);
}
