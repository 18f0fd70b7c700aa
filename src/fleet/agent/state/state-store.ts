/** Keeps the agent's state on the disk. Changes that come while a write is under way go out together with the next one. */
import type { InstallDisk } from '../install/disk.ts';
import { agentState, NEW_AGENT, type AgentState } from './agent-state.ts';

export interface StateStore {
  current(): AgentState;
  /**
   * Takes effect at once in memory.
   * @returns when it is on the disk. @throws DISK_FULL, WRITE_FAILED; what is in memory goes out with the next write
   */
  update(change: (state: AgentState) => AgentState): Promise<void>;
}

const FILE = 'agent.json';

/**
 * @param nowMs where numbers begin when the file is there and cannot be read: above what they were, so that the console does not take new reports for old
 * @throws FILE_UNREADABLE
 */
export async function openState(disk: InstallDisk, nowMs: number): Promise<StateStore> {
  let current = await read(disk, nowMs);
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;

  function write(): Promise<void> {
    next ??= writing
      .catch(() => {})
      .then(() => {
        next = null;
        writing = disk.writeAtomically(FILE, JSON.stringify(current));
        return writing;
      });
    return next;
  }

  return {
    current: () => current,
    update(change) {
      current = change(current);
      return write();
    },
  };
}

async function read(disk: InstallDisk, nowMs: number): Promise<AgentState> {
  const text = await disk.readText(FILE);
  try {
    const parsed = text === null ? null : agentState.safeParse(JSON.parse(text));
    if (parsed?.success) return parsed.data;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  // New, or a device that lost its data and kept its key: numbers from 1 would be taken for old ones.
  const above = Math.max(0, Math.floor(nowMs));
  return { ...NEW_AGENT, counters: { births: above, reports: above, batches: above } };
}
