/** The console: every service that a host carries, composed once per data folder. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/ports.ts';
import { EdgewiseError } from '../base/errors.ts';
import type { JobRecord } from '../contract/records/job.ts';
import { machineRecord } from '../runtime/index.ts';
import { createAdvisor } from './advisor/advisor.ts';
import { createArtifactService, type ArtifactService } from './artifacts/artifact-service.ts';
import { openDataFolder } from './data-folder.ts';
import { createEventHub, type Events } from './events.ts';
import { runSampleOnce, type Sample } from './first-run.ts';
import { createDemoService, type DemoService } from './fleet/demo/demo-service.ts';
import { createLiveService, type LiveService } from './fleet/live/live-service.ts';
import { createCsvImport } from './fleet/registry/csv-import.ts';
import { createFleetRegistry } from './fleet/registry/registry.ts';
import { createJobService, type JobService } from './jobs/job-service.ts';
import { createOptimizeWork } from './jobs/optimize-work.ts';
import type { ProcessHost } from './jobs/process-host.ts';
import type { JobLimits } from './jobs/run-job-process.ts';
import { createModelLibrary, type ModelLibrary } from './models/model-library.ts';
import { createModelStore } from './models/model-store.ts';
import { findSimulator, type ProcessEntries } from './processes/entries.ts';
import { renderReport } from './recipes.ts';
import { createRolloutService, type RolloutService } from './rollouts/rollout-service.ts';
import { createRouter, type Router } from './router.ts';
import { chromiumPrinter, type PdfPrinter } from './savings/print-pdf.ts';
import { createSavingsService } from './savings/savings-service.ts';
import { advisorHandlers } from './routes/advisor.ts';
import { appHandlers } from './routes/app.ts';
import { artifactHandlers } from './routes/artifacts.ts';
import { datasetHandlers } from './routes/datasets.ts';
import { demoHandlers } from './routes/demo.ts';
import { fileHandlers, type Dialogs } from './routes/files.ts';
import { fleetHandlers } from './routes/fleet.ts';
import { fleetImportHandlers } from './routes/fleet-import.ts';
import { jobHandlers } from './routes/jobs.ts';
import { modelHandlers } from './routes/models.ts';
import { recipeHandlers } from './routes/recipes.ts';
import { rolloutHandlers } from './routes/rollouts.ts';
import { savingsHandlers } from './routes/savings.ts';
import { openStore } from './store/open-store.ts';
import { createUploads, type Uploads } from './uploads.ts';

export interface ConsoleOptions {
  readonly dataFolder: string;
  readonly processHost: ProcessHost;
  readonly entries: ProcessEntries;
  readonly host: 'desktop' | 'browser';
  readonly version: string;
  readonly dialogs?: Dialogs;
  /** The sample that is shipped; offered among the data sets. */
  readonly sample?: Sample;
  /** Prints reports; a Chromium of this machine where it is left out. */
  readonly printer?: PdfPrinter;
  readonly limits?: JobLimits;
  /** Bytes above which a model is kept as two files; tests set it lower than protobuf does. */
  readonly fileBytes?: number;
  /** False: the line to the devices stays down whatever the settings say; for commands that only look. */
  readonly openLine?: boolean;
  /** Parse what handlers answer as well. */
  readonly checkOutputs?: boolean;
  readonly clock?: Clock;
  readonly now?: () => string;
  readonly newId?: () => string;
  /** Takes what a person should know at the start, and faults. One line each. */
  readonly log?: (line: string) => void;
}

export interface Console {
  readonly router: Router;
  readonly events: Events;
  readonly library: ModelLibrary;
  readonly jobs: JobService;
  readonly uploads: Uploads;
  readonly artifacts: ArtifactService;
  readonly demo: DemoService;
  /** A report as a file to keep. @throws NOT_FOUND */
  reportFile(id: string, kind: 'json' | 'html'): { readonly name: string; readonly text: string };
  /** Puts the shipped sample through `int8` where this is the first start. */
  firstRun(): Promise<JobRecord | undefined>;
  /** Ends the running job (it stays `interrupted`), closes the database, gives the folder back. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the data folder and its database, marks what a crash has interrupted, and goes on with what is queued.
 * @throws EdgewiseError CONFLICT (another console has the folder), STORE_CORRUPT, WRITE_FAILED
 */
export async function createConsole(options: ConsoleOptions): Promise<Console> {
  const { version, host, entries, processHost, dialogs, sample } = options;
  const clock = options.clock ?? (() => performance.now());
  const now = options.now ?? (() => new Date().toISOString());
  const newId = options.newId ?? randomUUID;
  const log = options.log ?? (() => {});
  const onFault = (where: string, error: unknown): void => log(`fault in ${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);

  const folder = openDataFolder(options.dataFolder, now());
  let store;
  try {
    store = openStore(folder.database, now());
  } catch (error) {
    folder.release();
    throw error;
  }
  const events = createEventHub((error) => onFault('a listener', error));
  const files = createModelStore(folder.models, newId);
  const library: ModelLibrary = createModelLibrary({ store, files, events, now, newId, inUse: (id) => jobs.uses(id), ...(options.fileBytes === undefined ? {} : { fileBytes: options.fileBytes }) });
  for (const model of await library.sweep()) log(`The file of the model "${model.name}" is missing from ${folder.models}; import it again to use it.`);
  const work = createOptimizeWork({ store, library, version, now, newId });
  const jobs: JobService = createJobService({
    store,
    events,
    processHost,
    entries,
    workspaces: folder.jobs,
    failures: folder.failures,
    checkpoints: folder.checkpoints,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    clock,
    now,
    newId,
    prepare: work.prepare,
    storeFile: work.storeFile,
    onFault,
  });
  const uploads = createUploads(folder.uploads);
  const machine = machineRecord(version);
  const artifacts = await createArtifactService({
    store,
    library,
    events,
    folder: folder.artifacts,
    signingFolder: folder.signing,
    runtimeVersion: machine.onnxruntime,
    onFault: (error) => onFault('the signing of artifacts', error),
  });
  const registry = createFleetRegistry({ store, events });
  const rollouts: RolloutService = createRolloutService({
    store, registry, artifacts, events, now: Date.now, random: Math.random, newId, log,
    send: (deviceId, message) => live.send(deviceId, message),
  });
  const live: LiveService = createLiveService({
    store, registry, events, rollouts, source: artifacts.source, firstTrust: () => artifacts.firstTrust(), folder: folder.link, now: Date.now, newId, random: Math.random, log,
  });
  const demo = createDemoService({ store, registry, live, processHost, entry: findSimulator(), onRemove: (id) => rollouts.removed(id, 'operator'), log });
  const savings = createSavingsService({ store, registry, rollouts, printer: options.printer ?? chromiumPrinter(), now: Date.now, log });
  if (options.openLine !== false) await live.start();
  const router = createRouter({
    handlers: {
      ...appHandlers({ version, host, dataFolder: folder.root, machine, dialogs: dialogs !== undefined }, store, events),
      ...modelHandlers(library, uploads),
      ...recipeHandlers(),
      ...advisorHandlers(createAdvisor({ library, store })),
      ...datasetHandlers(library, store, sample),
      ...fileHandlers(dialogs),
      ...jobHandlers(jobs, library, store, now),
      ...artifactHandlers(artifacts),
      ...fleetHandlers({ registry, live, rollouts, demo, store }),
      ...demoHandlers(demo),
      ...fleetImportHandlers(createCsvImport(registry, store, newId)),
      ...savingsHandlers(savings),
      ...rolloutHandlers({ rollouts, registry, artifacts, personName: () => store.settings.get().personName, now: Date.now, random: Math.random }),
    },
    checkOutputs: options.checkOutputs ?? false,
    onFault,
  });

  let closed: Promise<void> | undefined;
  return {
    router,
    events,
    library,
    jobs,
    uploads,
    artifacts,
    demo,
    reportFile(id, kind) {
      const found = store.reports.get(id);
      if (found === undefined) throw new EdgewiseError('NOT_FOUND', `There is no report with the id "${id}".`);
      const text = kind === 'json' ? `${JSON.stringify(found.report, null, 2)}\n` : renderReport(found.report);
      return { name: `${found.report.model} ${found.report.recipe.name}.${kind}`, text };
    },
    firstRun: async () => (sample === undefined ? undefined : runSampleOnce(sample, store, library, jobs, now)),
    close() {
      rollouts.close();
      savings.close();
      closed ??= Promise.all([jobs.close(), demo.close().then(() => live.close()).then(() => artifacts.close())]).then(() => {}).finally(() => {
        store.close();
        folder.release();
      });
      return closed;
    },
  };
}
