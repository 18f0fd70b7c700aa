/**
 * Telemetry on the disk until the console has it: one file a batch, named by its number. While nobody takes it, rows are added to the last batch, and
 * when there are too many batches the oldest goes. A batch that was sent is never changed.
 */
import { z } from 'zod';
import { telemetryRow, type TelemetryRow } from '../../../contract/records/telemetry.ts';
import type { InstallDisk } from '../install/disk.ts';

const FOLDER = 'telemetry';
const spoolFile = z.object({ rows: z.array(telemetryRow).min(1).max(500) });

export interface Spool {
  /** The last number used. */
  last(): number;
  /** No number at or below it is used from now on. */
  raise(to: number): void;
  /** @returns how many rows were given up for it. @throws DISK_FULL, WRITE_FAILED: the row is not kept */
  add(row: TelemetryRow): Promise<number>;
  /** The first batches above `after` that wait, oldest first; they count as sent from now on. */
  take(after: number, limit: number): Promise<readonly { readonly batch: number; readonly rows: readonly TelemetryRow[] }[]>;
  /** The console has everything up to this number. */
  forget(through: number): Promise<void>;
}

/** @param known the last number used, as far as is written elsewhere */
export async function openSpool(disk: InstallDisk, known: number, limits: { readonly maxBatches: number; readonly rowsPerBatch: number }): Promise<Spool> {
  await disk.makeFolder(FOLDER);
  const waiting: { batch: number; rows: number }[] = [];
  for (const name of await disk.list(FOLDER)) {
    const batch = /^(\d{1,15})\.json$/.exec(name)?.[1];
    if (batch === undefined) await disk.remove(`${FOLDER}/${name}`);
    else waiting.push({ batch: Number(batch), rows: 1 });
  }
  waiting.sort((a, b) => a.batch - b.batch);
  let last = Math.max(known, waiting.at(-1)?.batch ?? 0);
  /** The batch that may still grow; of an earlier run none, since it may have been sent. */
  let open: { batch: number; rows: TelemetryRow[] } | null = null;

  const path = (batch: number): string => `${FOLDER}/${batch}.json`;

  return {
    last: () => last,
    raise: (to) => {
      if (to <= last) return;
      last = to;
      open = null;
    },
    async add(row) {
      if (open !== null && open.rows.length < limits.rowsPerBatch) {
        const rows = [...open.rows, row];
        await disk.writeAtomically(path(open.batch), JSON.stringify({ rows }));
        open.rows = rows;
        const entry = waiting.find(({ batch }) => batch === open?.batch);
        if (entry !== undefined) entry.rows = rows.length;
        return 0;
      }
      const batch = last + 1;
      await disk.writeAtomically(path(batch), JSON.stringify({ rows: [row] }));
      last = batch;
      open = { batch, rows: [row] };
      waiting.push({ batch, rows: 1 });
      let dropped = 0;
      while (waiting.length > limits.maxBatches) {
        const oldest = waiting.shift();
        if (oldest === undefined) break;
        await disk.remove(path(oldest.batch));
        dropped += oldest.rows;
      }
      return dropped;
    },
    async take(after, limit) {
      const found: { batch: number; rows: readonly TelemetryRow[] }[] = [];
      for (const entry of waiting.filter(({ batch }) => batch > after).slice(0, limit)) {
        if (open?.batch === entry.batch) open = null;
        const rows = await readRows(disk, path(entry.batch));
        if (rows === null) {
          // Half a file cannot be, so somebody else wrote it.
          waiting.splice(waiting.indexOf(entry), 1);
          await disk.remove(path(entry.batch));
        } else found.push({ batch: entry.batch, rows });
      }
      return found;
    },
    async forget(through) {
      while (waiting[0] !== undefined && waiting[0].batch <= through) {
        const { batch } = waiting[0];
        if (open?.batch === batch) open = null;
        await disk.remove(path(batch));
        waiting.shift();
      }
    },
  };
}

async function readRows(disk: InstallDisk, path: string): Promise<readonly TelemetryRow[] | null> {
  try {
    const parsed = spoolFile.safeParse(JSON.parse((await disk.readText(path)) ?? 'null'));
    return parsed.success ? parsed.data.rows : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
