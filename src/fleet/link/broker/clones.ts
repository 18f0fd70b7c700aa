/**
 * Two devices with one certificate put each other out, again and again. One device with a bad line comes back as well, but it does not open
 * a second session while its first is alive and speaking.
 */
const WINDOW_MS = 60_000;
const TAKEOVERS = 6;

export interface CloneWatch {
  /** The device opened a session while another of its own was open. @returns true where that happens too often to be one device */
  takenOver(deviceId: string): boolean;
}

/** @param clock monotonic milliseconds */
export function createCloneWatch(clock: () => number): CloneWatch {
  const seen = new Map<string, number[]>();
  return {
    takenOver(deviceId) {
      const now = clock();
      const recent = [...(seen.get(deviceId) ?? []).filter((at) => now - at < WINDOW_MS), now];
      seen.set(deviceId, recent);
      if (recent.length < TAKEOVERS) return false;
      seen.delete(deviceId);
      return true;
    },
  };
}
