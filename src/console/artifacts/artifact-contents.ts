/** What goes into an artifact: the model's files, what is known of its input and labels, and a check set where there is one. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toEdgewiseError } from '../../base/errors.ts';
import type { PreprocessRecord } from '../../base/ports.ts';
import type { preprocessRecord } from '../../contract/records/common.ts';
import { ARTIFACT_FILES, workloadFacts, type WorkloadFacts } from '../../contract/records/workload.ts';
import { dataFileName } from '../../engine/onnx/index.ts';
import { openDataset } from '../../runtime/data/dataset.ts';
import { dataRequest } from '../measure/data-request.ts';
import type { ModelLibrary } from '../models/model-library.ts';
import type { Store } from '../store/open-store.ts';
import type { StoredReport } from '../store/reports-repository.ts';
import type { z } from 'zod';
import { buildCheckSet, type CheckSet } from './check-set.ts';

export interface ArtifactContents {
  readonly modelName: string;
  readonly opset: number;
  /** In the order in which a device gets them. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  readonly checkSamples: number | null;
  /** What was included and what not. */
  readonly notes: readonly string[];
}

const CHECK_SAMPLES = 50;

/** @throws NOT_FOUND, FILE_NOT_FOUND */
export async function artifactContents(store: Store, library: ModelLibrary, modelId: string): Promise<ArtifactContents> {
  const { record, facts } = library.get(modelId);
  const path = await library.pathOf(modelId);
  const model = { name: ARTIFACT_FILES.model as string, bytes: await readFile(path) };
  // A model of two files has a folder of its own, where both have these very names.
  const dataName = dataFileName(ARTIFACT_FILES.model);
  const data = path.endsWith(`/${ARTIFACT_FILES.model}`) || path.endsWith(`\\${ARTIFACT_FILES.model}`) ? [{ name: dataName, bytes: await readFile(join(dirname(path), dataName)) }] : [];
  const known = await whatIsKnown(store, modelId, facts, record.name);
  const said: WorkloadFacts = workloadFacts.parse({
    format: 1,
    model: record.name.slice(0, 200),
    task: known.labelled ? 'classification' : 'other',
    preprocess: known.preprocess,
    labels: known.labels,
    check: known.check === null ? null : { file: ARTIFACT_FILES.check, samples: known.check.samples, metric: 'top1', preprocess: known.check.preprocess },
  });
  const check = known.check === null ? [] : [{ name: ARTIFACT_FILES.check as string, bytes: known.check.bytes }];
  return {
    modelName: record.name,
    opset: facts.opset,
    files: [model, ...data, { name: ARTIFACT_FILES.facts, bytes: Buffer.from(JSON.stringify(said)) }, ...check],
    checkSamples: known.check?.samples ?? null,
    notes: known.notes,
  };
}

interface Known {
  readonly preprocess: z.infer<typeof preprocessRecord> | null;
  readonly labels: readonly string[];
  readonly labelled: boolean;
  readonly check: CheckSet | null;
  readonly notes: readonly string[];
}

const NO_CHECK = 'so its devices cannot measure accuracy, and a rollout with an accuracy gate has nothing to go by';

/** From the newest report with data that made this model, else from one that began with it. */
async function whatIsKnown(store: Store, modelId: string, facts: Parameters<typeof dataRequest>[1], modelName: string): Promise<Known> {
  const reports = store.reports.forModel(modelId).filter(({ report }) => report.data?.path !== null && report.data !== null);
  const found = reports.find(({ toModelId }) => toModelId === modelId) ?? reports[0];
  const nothing = { preprocess: null, labels: [], labelled: false, check: null };
  if (found === undefined) return { ...nothing, notes: [`The model was not optimized here with a data set, ${NO_CHECK}.`] };
  const { report } = found;
  const preprocess = report.data?.preprocess ?? null;
  if (report.data?.labelled !== true) return { ...nothing, preprocess, notes: [`The data set that it was optimized with has no labels, ${NO_CHECK}.`] };
  try {
    return { ...(await withCheckSet(store, found, facts, modelName)), preprocess, labelled: true };
  } catch (error) {
    return { ...nothing, preprocess, labelled: true, notes: [`No check set: ${toEdgewiseError(error).message} It is published without one, ${NO_CHECK}.`] };
  }
}

async function withCheckSet(store: Store, { jobId, report }: StoredReport, facts: Parameters<typeof dataRequest>[1], modelName: string): Promise<Pick<Known, 'labels' | 'check' | 'notes'>> {
  const { data, seed } = report;
  const path = data?.path ?? '';
  const labelsPath = store.jobs.get(jobId)?.input.labelsPath;
  const preprocess = (data?.preprocess ?? undefined) as PreprocessRecord | undefined;
  const wanted = { ...dataRequest({ path, labelsPath }, facts, modelName), ...(preprocess === undefined ? {} : { preprocess }) };
  const check = await buildCheckSet({ ...wanted, calibrationSamples: data?.calibrationSamples ?? 0, seed, most: CHECK_SAMPLES });
  const dataset = await openDataset(path, { labelsPath });
  const { classes } = dataset.facts;
  await dataset.close();
  // Numbers are no names.
  const labels = classes.every((name) => /^\d+$/.test(name)) ? [] : classes.map((name) => name.slice(0, 200));
  if (check === null) return { labels, check, notes: [`No sample of ${path} has a label, ${NO_CHECK}.`] };
  const overlap = check.overlap ? ' The data set is so small that they were calibrated with as well.' : ' None of them was calibrated with.';
  return { labels, check, notes: [`${check.samples} labelled samples of ${path} go along as the check set.${overlap} Who can read a device's disk can see them.`] };
}
