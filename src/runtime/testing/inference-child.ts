/** An inference child for tests: the runtime's server over node's IPC, with one small reducer. */
import { serveInference } from '../index.ts';

serveInference({
  channel: {
    send: (message) => process.send?.(message),
    onMessage: (listener) => process.on('message', listener),
    onClose: (listener) => process.on('disconnect', listener),
  },
  reducers: {
    /** Largest element and number of calls by tensor. */
    largest: () => {
      const seen: Record<string, { calls: number; max: number }> = {};
      return {
        add(tensor, data) {
          const entry = (seen[tensor] ??= { calls: 0, max: Number.NEGATIVE_INFINITY });
          entry.calls++;
          for (const value of data) entry.max = Math.max(entry.max, value);
        },
        result: () => seen,
      };
    },
  },
});
