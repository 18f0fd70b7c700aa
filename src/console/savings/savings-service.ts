/**
 * What optimized models were worth, for the page, the command line and the report. One reading of the measurements answers every scope of a view; it is kept
 * for a while, so that a store opened from the overview shows the figure that stood in the overview.
 */
import { EdgewiseError } from '../../base/errors.ts';
import { isoDay } from '../../base/local-time.ts';
import type { CostSummary, SavingScope } from '../../contract/records/savings.ts';
import type { RouteOutput } from '../../contract/rpc/routes.ts';
import type { ModelName, SavingsView } from '../../contract/rpc/savings-routes.ts';
import { DEFAULT_ASSUMPTIONS, dayCurve, savingsBy, scatterPoints, summaries, waterfallOf, whatIf } from '../../savings/index.ts';
import { DEMO_MODELS } from '../fleet/demo/demo-history.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Store } from '../store/open-store.ts';
import { createTableLoader } from './load-table.ts';
import { openPanel, type OpenPanel } from './open-panel.ts';
import type { PdfPrinter } from './print-pdf.ts';
import { renderSavingsReport } from './report/report.ts';
import { evidenceRows, resultOf, savingsDays, savingsMarks, savingsRows } from './savings-rows.ts';
import { openSavingsBook } from './savings-book.ts';

/** What rollouts know of who brought what. */
export interface RolloutFacts {
  /** Name of a rollout. */
  nameOf(id: string): string | null;
  /** The rollout by which a device came to a model; null: none. */
  broughtBy(deviceId: string, digest: string): string | null;
}

export interface SavingsServiceOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly rollouts: RolloutFacts;
  readonly printer: PdfPrinter | undefined;
  readonly now: () => number;
  readonly log: (line: string) => void;
}

type PageScope = Exclude<SavingScope, { kind: 'device' }>;

export interface SavingsService {
  extent(): RouteOutput<'savings.extent'>;
  /** @param fresh reads the measurements again; else an answer of the last minutes will do, and says of when it is */
  overview(view: SavingsView, fresh?: boolean): RouteOutput<'savings.overview'>;
  /** @throws NOT_FOUND */
  open(view: SavingsView, scope: PageScope): RouteOutput<'savings.open'>;
  /** @throws NOT_FOUND */
  evidence(view: SavingsView, deviceId: string): RouteOutput<'savings.evidence'>;
  assumptions(): RouteOutput<'savings.assumptions'>;
  readonly book: ReturnType<typeof openSavingsBook>;
  whatIf(view: SavingsView, scope: PageScope, what: Parameters<typeof whatIf>[2]): ReturnType<typeof whatIf>;
  report(view: SavingsView, scope: PageScope, locale: 'en' | 'zh-CN'): Promise<RouteOutput<'savings.report'>>;
  /** Takes away telemetry that is older than it is kept. */
  close(): void;
}

/** A figure does not change under somebody who looks at it. An answer that is older than the first is made anew behind his back, for the next look; one older than the second at once. */
const FRESH_MS = 60_000;
const KEPT_MS = 600_000;
const SOON_MS = 100;
const WARM_MS = 3000;
const KEPT_VIEWS = 4;
const DEFAULT_DAYS = 30;
const DEFAULT_BASELINE_DAYS = 14;
const MAINTENANCE_MS = 3_600_000;
const SHORT_DIGEST = 8;

export function createSavingsService({ store, registry, rollouts, printer, now, log }: SavingsServiceOptions): SavingsService {
  const book = openSavingsBook(store, registry);
  const loader = createTableLoader(store, registry);
  const { rollups } = store.telemetry;
  const kept = new Map<string, OpenPanel>();
  const overviews = new WeakMap<OpenPanel, RouteOutput<'savings.overview'>>();
  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      try {
        work();
      } catch (error) {
        log(`Savings could not be computed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }, ms).unref();
    timers.add(timer);
  };
  const renewing = new Set<string>();

  const opened = (view: SavingsView, fresh = false): OpenPanel => {
    const key = `${book.revision()} ${JSON.stringify(view)}`;
    const known = kept.get(key);
    const age = known === undefined ? Number.POSITIVE_INFINITY : now() - known.asOfMs;
    if (known && !fresh && age < KEPT_MS) {
      if (age > FRESH_MS && !renewing.has(key)) {
        renewing.add(key);
        later(SOON_MS, () => {
          renewing.delete(key);
          overviewOf(opened(view, true));
        });
      }
      return known;
    }
    const made = openPanel({ store, registry, book, loader, rolloutOf: (deviceId, digest) => rollouts.broughtBy(deviceId, digest) }, view, now());
    kept.delete(key);
    kept.set(key, made);
    for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - KEPT_VIEWS))) kept.delete(old);
    return made;
  };

  const modelNames = (digests: readonly string[]): ModelName[] => {
    const published = new Map(store.artifacts.list().map((record) => [record.digest, record]));
    return digests.map((digest) => {
      const record = published.get(digest);
      const demo = Object.values(DEMO_MODELS).find((each) => each.digest === digest);
      return { digest, name: record ? `${record.artifact} ${record.version}` : (demo?.name ?? digest.slice(0, SHORT_DIGEST)), artifact: record?.artifact ?? null, version: record?.version ?? null };
    });
  };

  const pageOf = (open: OpenPanel, scope: PageScope, name: string | undefined) => {
    const { panel, table, view, fromDay, toDay, periodMs } = open;
    const inScope = (storeId: string): boolean => scope.kind === 'chain' || (scope.kind === 'store' ? storeId === scope.id : registry.store(storeId)?.region === scope.id);
    const ids = scope.kind === 'chain' ? undefined : new Set(open.devices.filter(({ storeId }) => inScope(storeId)).map(({ id }) => id));
    const numbers = scope.kind === 'chain' && view.workload === null ? undefined : open.devices.filter(({ id }) => ids?.has(id) ?? true).flatMap(({ id }) => registry.number(id) ?? []);
    const models = modelNames(table.digests);
    const result = resultOf(open, scope, name);
    const by = scope.kind === 'chain' ? 'chain' : scope.kind;
    const summary = summaries(panel.ledger, by, periodMs).find((each) => each.scope.kind === 'chain' || (scope.kind !== 'chain' && 'id' in each.scope && each.scope.id === scope.id));
    const curve = savingsDays(rollups.curve(fromDay - view.baselineDays, toDay, numbers));
    const nameOfModel = (digest: string): string => models.find((model) => model.digest === digest)?.name ?? digest.slice(0, SHORT_DIGEST);
    return {
      asOfMs: open.asOfMs, view, result,
      summary: summary ? { ...summary, name: name ?? summary.name } : emptySummary(scope, name ?? ''),
      waterfall: waterfallOf(result), curve,
      marks: savingsMarks(open, ids, (id) => rollouts.nameOf(id), nameOfModel),
      scatter: scatterPoints(table, book.assumptions(), panel.query.fromMs, panel.query.toMs, by)
        .filter((point) => scope.kind === 'chain' || point.id === scope.id)
        .map((point) => ({ ...point, name: nameOfModel(point.digest) })),
      models: modelNames([...new Set([...table.digests, ...curve.map(({ digest }) => digest)])]),
    };
  };

  const nameOfScope = (scope: PageScope): string | undefined => {
    if (scope.kind === 'chain') return undefined;
    const name = scope.kind === 'store' ? registry.store(scope.id)?.name : registry.stores().find(({ region }) => region === scope.id)?.region;
    if (name === undefined) throw new EdgewiseError('NOT_FOUND', `There is no ${scope.kind} "${scope.id}".`);
    return name;
  };

  const open = (view: SavingsView, scope: PageScope): RouteOutput<'savings.open'> => {
    const name = nameOfScope(scope);
    const panel = opened(view);
    const within = scope.kind === 'chain' ? undefined : (row: { readonly storeId: string; readonly region: string }): boolean => (scope.kind === 'store' ? row.storeId === scope.id : row.region === scope.id);
    return { ...pageOf(panel, scope, name), rows: savingsRows(panel, scope.kind === 'store' ? 'device' : 'store', registry, within), hours: dayCurve(panel.panel, scope) };
  };

  const overviewOf = (panel: OpenPanel): RouteOutput<'savings.overview'> => {
    const known = overviews.get(panel);
    if (known) return known;
    const made = { ...pageOf(panel, { kind: 'chain' }, undefined), regions: savingsBy(panel.panel, 'region').map((result) => ({ ...result, fromDay: panel.view.fromDay, toDay: panel.view.toDay })), stores: savingsRows(panel, 'store', registry) };
    overviews.set(panel, made);
    return made;
  };

  const maintain = (): void => {
    try {
      const { batches, hours } = store.transaction(() => store.telemetry.expire(now()));
      if (batches + hours > 0) log(`Telemetry: ${batches} batches and ${hours} hours are older than they are kept and were taken away.`);
    } catch (error) {
      log(`Old telemetry could not be taken away: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const timer = setInterval(maintain, MAINTENANCE_MS).unref();

  const extent = (): RouteOutput<'savings.extent'> => {
    const known = rollups.extent();
    const today = Math.floor(now() / 86_400_000);
    const toDay = known?.toDay ?? today;
    const devices = registry.rows();
    return {
      known: known === null ? null : { fromDay: isoDay(known.fromDay), toDay: isoDay(known.toDay) },
      workloads: [...new Set(devices.map(({ workload }) => workload))].sort(),
      regions: [...new Set(registry.stores().map(({ region }) => region))].sort(),
      view: { fromDay: isoDay(Math.max(known?.fromDay ?? today, toDay - DEFAULT_DAYS + 1)), toDay: isoDay(toDay), baselineDays: DEFAULT_BASELINE_DAYS, method: 'auto', workload: null },
      devices: devices.length, stores: registry.stores().length,
    };
  };
  // The first look is not to wait for a large fleet's measurements to be read.
  later(WARM_MS, () => {
    const { known, view } = extent();
    if (known !== null) overviewOf(opened(view));
  });

  return {
    extent,
    overview: (view, fresh) => overviewOf(opened(view, fresh)),
    open,
    evidence(view, deviceId) {
      if (registry.row(deviceId) === undefined) throw new EdgewiseError('NOT_FOUND', `There is no device "${deviceId}".`);
      const panel = opened(view);
      const rows = evidenceRows(panel, deviceId);
      return { result: resultOf(panel, { kind: 'device', id: deviceId }), rows, models: modelNames([...new Set(rows.map(({ digest }) => digest))]) };
    },
    assumptions: () => ({ assumptions: book.assumptions(), defaults: DEFAULT_ASSUMPTIONS, decisions: book.decisions() }),
    book,
    whatIf: (view, scope, what) => whatIf(opened(view).panel, scope, what),
    async report(view, scope, locale) {
      const page = open(view, scope);
      const title = nameOfScope(scope) ?? '';
      const html = await renderSavingsReport({ page, scope, locale, assumptions: book.assumptions(), decisions: book.decisions(), madeAtMs: now() });
      const pdf = await printer?.print(html);
      return { name: `Edgewise savings ${title === '' ? '' : `${title} `}${view.fromDay} ${view.toDay}`.replaceAll(/[/\\:*?"<>|]/g, '-'), html, pdfBase64: pdf === undefined ? null : Buffer.from(pdf).toString('base64') };
    },
    close() {
      clearInterval(timer);
      for (const pending of timers) clearTimeout(pending);
    },
  };
}

function emptySummary(scope: PageScope, name: string): CostSummary {
  return {
    scope, name, devices: 0, stores: 0, deviceDays: 0, energyCoverage: 0, inferences: 0, errors: 0, kwh: 0, cost: { energyCny: 0, capitalCny: 0, networkCny: 0, cloudCny: 0, totalCny: 0 }, cnyPer1000: null, joulesPerInference: null,
    latencyP50Ms: null, latencyP95Ms: null, throughputPerS: null, accuracy: null, busyShare: null, carbonKg: 0, gramsPer1000: null, tier: null, simulated: false, rows: 0,
  };
}
