/**
 * Telemetry rows as one block of bytes: column after column of 64-bit numbers, nothing rounded, with the words (digests, meters) in a list in front.
 * A batch is read whole or not at all, and numbers in text would take twice the room and five times the time.
 *
 * Layout: length of the list (uint32), the list as JSON (padded to eight bytes), then each column with one number a row, NaN for null; little endian.
 */
import { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { telemetryRow, type TelemetryRow } from '../../contract/records/telemetry.ts';

const COLUMNS = 17;
const words = z.array(z.string());

export function packRows(rows: readonly TelemetryRow[]): Uint8Array {
  const list: string[] = [];
  const places = new Map<string, number>();
  const place = (word: string): number => {
    const known = places.get(word);
    if (known !== undefined) return known;
    places.set(word, list.length);
    return list.push(word) - 1;
  };
  const numbers = new Float64Array(COLUMNS * rows.length);
  const count = rows.length;
  const nothing = Number.NaN;
  for (let at = 0; at < count; at++) {
    const row = rows[at];
    if (row === undefined) break;
    const { energy, accuracy } = row;
    numbers[at] = row.fromMs;
    numbers[count + at] = row.durationMs;
    numbers[2 * count + at] = place(row.digest);
    numbers[3 * count + at] = row.inferences;
    numbers[4 * count + at] = row.errors;
    numbers[5 * count + at] = row.latencyP50Ms ?? nothing;
    numbers[6 * count + at] = row.latencyP95Ms ?? nothing;
    numbers[7 * count + at] = row.throughputPerS;
    numbers[8 * count + at] = row.busyShare;
    numbers[9 * count + at] = row.cpuShare ?? nothing;
    numbers[10 * count + at] = row.temperatureC ?? nothing;
    numbers[11 * count + at] = energy?.totalJ ?? nothing;
    numbers[12 * count + at] = energy?.aboveIdleJ ?? nothing;
    numbers[13 * count + at] = energy === null ? nothing : place(energy.tier);
    numbers[14 * count + at] = energy === null ? nothing : place(energy.source);
    numbers[15 * count + at] = accuracy?.value ?? nothing;
    numbers[16 * count + at] = accuracy?.samples ?? nothing;
  }
  const text = new TextEncoder().encode(JSON.stringify(list));
  const head = Math.ceil((4 + text.length) / 8) * 8;
  const bytes = new Uint8Array(head + numbers.byteLength);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  bytes.set(new Uint8Array(numbers.buffer), head);
  return bytes;
}

/** @throws EdgewiseError STORE_CORRUPT */
export function unpackRows(packed: Uint8Array, where: string): TelemetryRow[] {
  try {
    // A copy starts at a multiple of eight, wherever the database put the bytes.
    const bytes = Uint8Array.from(packed);
    const length = new DataView(bytes.buffer).getUint32(0, true);
    const list = words.parse(JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))));
    const numbers = new Float64Array(bytes.buffer, Math.ceil((4 + length) / 8) * 8);
    const count = numbers.length / COLUMNS;
    return Array.from({ length: count }, (_, at) => {
      const value = (column: number): number | null => {
        const number = numbers[column * count + at] ?? Number.NaN;
        return Number.isNaN(number) ? null : number;
      };
      const word = (column: number): string | undefined => list[value(column) ?? -1];
      const totalJ = value(11);
      const accuracy = value(15);
      return telemetryRow.parse({
        fromMs: value(0), durationMs: value(1), digest: word(2), inferences: value(3), errors: value(4), latencyP50Ms: value(5), latencyP95Ms: value(6), throughputPerS: value(7), busyShare: value(8),
        cpuShare: value(9), temperatureC: value(10),
        energy: totalJ === null ? null : { totalJ, aboveIdleJ: value(12), tier: word(13), source: word(14) },
        accuracy: accuracy === null ? null : { value: accuracy, samples: value(16) },
      });
    });
  } catch (cause) {
    throw new EdgewiseError('STORE_CORRUPT', `The database holds telemetry that cannot be read (${where}).`, { hint: 'Restore the database from a backup, or remove the device.', cause });
  }
}
