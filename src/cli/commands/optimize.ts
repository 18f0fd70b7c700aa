/** `edgewise optimize`: one job in a child process, as in the console, without a library. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import { dataFileName } from '../../engine/onnx/index.ts';
import type { OptimizeReport } from '../../contract/records/report.ts';
import { createNodeProcessHost } from '../../console/jobs/node-process-host.ts';
import { DEFAULT_EVALUATION_SAMPLES, DEFAULT_SAMPLES, DEFAULT_SEED } from '../../console/jobs/optimize-work.ts';
import { runJobProcess, type JobProcessResult } from '../../console/jobs/run-job-process.ts';
import { copyOut } from '../../console/models/copy-out.ts';
import { dataFilesOf } from '../../console/models/model-file.ts';
import { nameOf, requireFile } from '../../console/models/model-library.ts';
import { findEntries } from '../../console/processes/entries.ts';
import { readPortableRecipe, readRecipe, renderReport } from '../../console/recipes.ts';
import type { EnergyFlags } from '../energy-options.ts';
import type { Io } from '../io.ts';
import type { PreprocessInput } from '../options.ts';
import { resultObject, summaryLines } from '../report-text.ts';
import { energyChoiceOf } from './energy-choice.ts';

export interface OptimizeFlags extends EnergyFlags {
  readonly output: string;
  readonly recipe: string;
  readonly data?: string;
  readonly labels?: string;
  readonly preprocess?: PreprocessInput;
  readonly samples?: number;
  readonly evalSamples?: number;
  readonly seed?: number;
  readonly report?: string;
  readonly threads?: number;
  readonly verify: boolean;
  readonly portable?: boolean;
  readonly keep?: boolean;
  readonly externalData?: boolean;
}

/** @throws GATE_NOT_MET after the report has been printed */
export async function optimize(model: string, flags: OptimizeFlags, io: Io, signal: AbortSignal, version: string): Promise<void> {
  await requireFile(model);
  const output = resolve(flags.output);
  checkOutputs(model, flags.output, flags.report);
  const recipe = flags.portable === true ? readPortableRecipe(flags.recipe) : readRecipe(flags.recipe);
  const energy = energyChoiceOf(flags, flags.threads ?? 1);
  const entries = findEntries();
  const scratch = await mkdtemp(join(tmpdir(), 'edgewise-'));
  try {
    const result = await runJobProcess(
      {
        processHost: createNodeProcessHost(),
        jobProcess: entries.jobProcess,
        task: {
          modelPath: resolve(model),
          modelName: nameOf(model),
          recipe,
          data: flags.data === undefined ? null : { path: resolve(flags.data), ...(flags.labels === undefined ? {} : { labelsPath: resolve(flags.labels) }), ...(flags.preprocess === undefined ? {} : { preprocess: flags.preprocess }) },
          samples: flags.samples ?? DEFAULT_SAMPLES,
          evaluationSamples: flags.evalSamples ?? DEFAULT_EVALUATION_SAMPLES,
          seed: flags.seed ?? DEFAULT_SEED,
          verify: flags.verify,
          threads: flags.threads ?? 1,
          energy,
          ...(flags.externalData === undefined ? {} : { externalData: flags.externalData }),
          workspace: join(scratch, 'work'),
          failures: resolve(withoutEnding(flags.report ?? flags.output)),
          inferenceChild: entries.inferenceChild,
          version,
          createdAt: new Date().toISOString(),
        },
        signal,
        progress: (update) => io.progress(update),
        log: (level, message) => {
          if (level !== 'info') io.note(`${level}: ${message}`);
        },
      },
      (done) => keep(done, output, flags),
    );
    io.result(resultObject(result.report), () => resultText(result.report, result.gatesMet || flags.keep === true ? output : undefined));
    if (!result.gatesMet) throw gateNotMet(result.report, flags.keep === true);
  } finally {
    io.endProgress();
    await rm(scratch, { recursive: true, force: true });
  }
}

async function keep(result: JobProcessResult, output: string, flags: OptimizeFlags): Promise<JobProcessResult> {
  for (const path of reportPaths(flags.report)) {
    await writeReport(path, extname(path).toLowerCase() === '.html' ? renderReport(result.report) : `${JSON.stringify(result.report, null, 2)}\n`);
  }
  if (result.gatesMet || flags.keep === true) await copyOut(result.outputPath, output, true);
  return result;
}

/** A name that ends in .json or .html gives that kind; another name gives both. */
function reportPaths(report: string | undefined): string[] {
  if (report === undefined) return [];
  return ['.json', '.html'].includes(extname(report).toLowerCase()) ? [resolve(report)] : [resolve(`${report}.json`), resolve(`${report}.html`)];
}

/** What is kept beside the report, or beside the model where there is no report, begins with its name. */
function withoutEnding(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

/** Before the work rather than after it: whatever a run would write must be writable, and no two of its files may be one. */
function checkOutputs(model: string, output: string, report: string | undefined): void {
  if (output === '') throw new EdgewiseError('USAGE', 'The name of the output is empty.', { hint: 'Name a file with -o.' });
  if (report === '') throw new EdgewiseError('USAGE', 'The name of the report is empty.', { hint: 'Name a file with --report.' });
  const taken = [realpathSync(model)];
  refuseOwnData(model, resolve(output));
  for (const path of [resolve(output), ...reportPaths(report)]) {
    checkWritable(path);
    const real = existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
    if (real === taken[0]) throw new EdgewiseError('USAGE', `${basename(path)} would overwrite the input.`, { hint: 'Name another file.' });
    if (taken.includes(real)) throw new EdgewiseError('USAGE', 'The output and the report have the same name.', { hint: 'Name another file with --report.' });
    taken.push(real);
  }
}

/** A result above 2 GiB has a data file too; it must not be one that the input is made of. */
function refuseOwnData(model: string, output: string): void {
  const data = dataFileName(output);
  if (!existsSync(data) || !dataFilesOf(model).some((path) => existsSync(path) && realpathSync(path) === realpathSync(data))) return;
  throw new EdgewiseError('USAGE', `${basename(output)} would overwrite the weights of the input, ${basename(data)}.`, { hint: 'Name another file.' });
}

function checkWritable(path: string): void {
  const folder = statSync(dirname(path), { throwIfNoEntry: false });
  if (!folder?.isDirectory()) {
    throw new EdgewiseError('FILE_NOT_FOUND', `There is no folder ${dirname(path)} for ${basename(path)}.`, { hint: 'Make the folder first, or name another.' });
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new EdgewiseError('USAGE', `${path} is a folder.`, { hint: 'Name a file in it.' });
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new EdgewiseError('WRITE_FAILED', `${basename(path)} cannot be written: the folder ${dirname(path)} is read-only.`, { hint: 'Name a file in another folder, or allow writing in this one.', cause: error });
  }
}

/** A report is small, but a disk may be full all the same. */
async function writeReport(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw new EdgewiseError('WRITE_FAILED', `The report ${path} could not be written: ${(error as Error).message}.`, { hint: 'Free some space, or name another file with --report.', cause: error });
  }
}

function gateNotMet(report: OptimizeReport, kept: boolean): EdgewiseError {
  const missed = report.gates.filter((gate) => !gate.met);
  return new EdgewiseError('GATE_NOT_MET', `Not met: ${missed.map((gate) => `${gate.metric} ${gate.op} ${gate.value} (measured ${gate.measured ?? 'nothing'})`).join('; ')}.`, {
    hint: kept ? 'The model was written all the same, since --keep was given.' : 'No model was written. Loosen the gate in the recipe, use more calibration samples, or write it anyway with --keep.',
    details: { gates: missed },
  });
}

function resultText(report: OptimizeReport, output: string | undefined): string {
  const changed = report.steps.filter((step) => step.changed).map((step) => step.pass);
  return [
    ...summaryLines(report),
    `steps      ${changed.length === 0 ? 'nothing to change' : changed.join(', ')}`,
    ...report.warnings.map((warning) => `warning    ${warning}`),
    output === undefined ? 'written    nothing' : `written    ${output}`,
  ].join('\n');
}
