/** Simulated devices in one click. */
import type { DemoService } from '../fleet/demo/demo-service.ts';
import type { Handlers } from '../router.ts';

export function demoHandlers(demo: DemoService): Pick<Handlers, 'fleet.startDemo' | 'fleet.stopDemo'> {
  return {
    async 'fleet.startDemo'(request) {
      await demo.start(request);
      return {};
    },
    async 'fleet.stopDemo'({ forget }) {
      await demo.stop(forget);
      return {};
    },
  };
}
