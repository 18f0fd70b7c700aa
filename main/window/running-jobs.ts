/** Which jobs are queued or running, known without asking: a closing window has to be answered at once. */
import type { Events } from '../../src/console/events.ts';
import type { JobRecord } from '../../src/contract/records/job.ts';

export interface RunningJobs {
  ids(): readonly string[];
  /** Called whenever the last one has ended. */
  onIdle(listener: () => void): void;
  close(): void;
}

export function watchRunningJobs(events: Events, present: readonly Pick<JobRecord, 'id' | 'state'>[]): RunningJobs {
  const ids = new Set<string>();
  const idleListeners: (() => void)[] = [];
  const take = ({ id, state }: Pick<JobRecord, 'id' | 'state'>): void => {
    if (state === 'queued' || state === 'running') ids.add(id);
    else remove(id);
  };
  const remove = (id: string): void => {
    if (!ids.delete(id) || ids.size > 0) return;
    for (const listener of idleListeners) listener();
  };
  for (const job of present) take(job);
  const unsubscribe = events.subscribe((event) => {
    if (event.type === 'job.updated') take(event.job);
    else if (event.type === 'job.removed') remove(event.id);
  });
  return { ids: () => [...ids], onIdle: (listener) => idleListeners.push(listener), close: unsubscribe };
}
