/** Simulated devices in one click. */
import type { DemoService } from '../fleet/demo/demo-service.ts';
import type { Handlers } from '../router.ts';

const HISTORY_DAYS = 42;

export function demoHandlers(demo: DemoService): Pick<Handlers, 'fleet.startDemo' | 'fleet.stopDemo'> {
  return {
    async 'fleet.startDemo'(request) {
      await demo.start({ ...request, historyDays: request.historyDays ?? HISTORY_DAYS });
      return {};
    },
    async 'fleet.stopDemo'({ forget }) {
      await demo.stop(forget);
      return {};
    },
  };
}
