import type { MachineRecord } from '../../contract/records/report.ts';
import type { EventHub } from '../events.ts';
import type { Handlers } from '../router.ts';
import type { Store } from '../store/open-store.ts';

type AppHandlers = Pick<Handlers, 'app.info' | Extract<keyof Handlers, `settings.${string}`>>;

export interface AppFacts {
  readonly version: string;
  readonly host: 'desktop' | 'browser';
  readonly dataFolder: string;
  readonly machine: MachineRecord;
  readonly dialogs: boolean;
}

export function appHandlers(facts: AppFacts, store: Store, events: EventHub): AppHandlers {
  return {
    'app.info': () => facts,
    'settings.get': () => store.settings.get(),
    'settings.set': (changes) => {
      const settings = store.transaction(() => store.settings.set(changes));
      events.emit({ type: 'settings.changed', settings });
      return settings;
    },
  };
}
