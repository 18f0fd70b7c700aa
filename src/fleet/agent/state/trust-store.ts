/** What the device trusts, on its disk. It only moves forward; a file that is lost or unreadable begins again with the root of the enrolment. */
import { trustState, type TrustState } from '../../../contract/records/artifact.ts';
import { trustFromRoot } from '../../artifact/trust.ts';
import type { InstallDisk } from '../install/disk.ts';

const FILE = 'trust.json';

export interface TrustStore {
  current(): TrustState;
  /** @returns when it is on the disk. @throws DISK_FULL, WRITE_FAILED */
  save(state: TrustState): Promise<void>;
}

/** @throws what `firstRoot` throws, UNTRUSTED_SIGNATURE, BAD_DOCUMENT */
export async function openTrust(disk: InstallDisk, firstRoot: () => Promise<Uint8Array>): Promise<TrustStore> {
  let current = (await read(disk)) ?? trustFromRoot(await firstRoot());
  return {
    current: () => current,
    async save(state) {
      if (JSON.stringify(state) === JSON.stringify(current)) return;
      await disk.writeAtomically(FILE, JSON.stringify(state));
      current = state;
    },
  };
}

async function read(disk: InstallDisk): Promise<TrustState | null> {
  try {
    const parsed = trustState.safeParse(JSON.parse((await disk.readText(FILE)) ?? 'null'));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
