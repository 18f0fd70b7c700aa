/** Savings, as the page asks for them. */
import type { Handlers } from '../router.ts';
import type { SavingsService } from '../savings/savings-service.ts';

export function savingsHandlers(savings: SavingsService): Pick<Handlers, Extract<keyof Handlers, `savings.${string}`>> {
  return {
    'savings.extent': () => savings.extent(),
    'savings.overview': ({ fresh, ...view }) => savings.overview(view, fresh),
    'savings.open': ({ view, scope }) => savings.open(view, scope),
    'savings.evidence': ({ view, deviceId }) => savings.evidence(view, deviceId),
    'savings.assumptions': () => savings.assumptions(),
    'savings.saveAssumptions': (next) => savings.book.saveAssumptions(next),
    'savings.saveDecision': (decision) => savings.book.saveDecision(decision),
    'savings.removeDecision': ({ id }) => savings.book.removeDecision(id),
    'savings.whatIf': ({ view, scope, what }) => savings.whatIf(view, scope, what),
    'savings.report': ({ view, scope, locale }) => savings.report(view, scope, locale),
  };
}
