/** The advisor: brings together the model, the recipes, the profiles and what was measured, and asks for the ranking. */
import { EdgewiseError } from '../../base/errors.ts';
import { hardwareProfileOf, hardwareProfiles } from '../../contract/hardware/profiles.ts';
import type { AdvisorAnswer, AdvisorInput, AdvisorNote, AdvisorOption } from '../../contract/records/advisor.ts';
import { advise } from '../../savings/advisor/advise.ts';
import { calibrate, type Observation } from '../../savings/advisor/calibrate.ts';
import { machineOf } from '../../savings/advisor/machine.ts';
import { observationOf, publishedObservations } from '../../savings/advisor/observe.ts';
import { AS_IT_IS, formOf } from '../../savings/advisor/recipe-form.ts';
import { nameOf, type ModelLibrary } from '../models/model-library.ts';
import { listRecipes } from '../recipes.ts';
import { readNetwork, type ReadNetwork } from './read-network.ts';
import type { Store } from '../store/open-store.ts';
import type { StoredReport } from '../store/reports-repository.ts';
import { readDevices } from './measured-devices.ts';
import { measuredInReports, type MeasuredModel } from './measured.ts';

export interface Advisor {
  /** @throws NOT_FOUND for a model that is not in the library, FILE_NOT_FOUND, BAD_REQUEST for a profile or unit that is not known */
  rank(input: AdvisorInput): Promise<AdvisorAnswer>;
}

/** Older ones say no more about this machine than these. */
const MOST_REPORTS = 40;
/** Models whose layers are kept in mind. */
const MOST_NETWORKS = 64;

export function createAdvisor({ library, store }: { readonly library: ModelLibrary; readonly store: Pick<Store, 'reports' | 'telemetry' | 'fleet' | 'artifacts'> }): Advisor {
  const networks = new Map<string, Promise<ReadNetwork>>();

  /** Of a model's content, so that a model that was rewritten is looked at again. */
  function networkFor(modelId: string): Promise<ReadNetwork> {
    const { sha256, name } = library.get(modelId).record;
    const known = networks.get(sha256);
    if (known) return known;
    const found = library.pathOf(modelId).then((path) => readNetwork(path, name));
    networks.set(sha256, found);
    found.catch(() => networks.delete(sha256));
    const [oldest] = networks.keys();
    if (networks.size > MOST_NETWORKS && oldest !== undefined) networks.delete(oldest);
    return found;
  }

  async function observe(measured: readonly MeasuredModel[]): Promise<{ readonly observations: Observation[]; readonly missing: number }> {
    const observations: Observation[] = [];
    let missing = 0;
    for (const { profileId, modelId, of = modelId, ...timed } of measured) {
      const profile = hardwareProfileOf(profileId);
      const machine = profile && machineOf(profile, hardwareProfiles);
      const network = (await networkFor(modelId).catch(() => undefined))?.network;
      const observation = machine && network && observationOf(machine, { ...timed, network, of, perS: null }, 'measured');
      if (observation) observations.push(observation);
      else missing++;
    }
    return { observations, missing };
  }

  return {
    async rank(input) {
      const { record } = library.get(input.modelId);
      requireKnown(input);
      const read = await networkFor(record.id);
      const isQuantized = (id: string): boolean | undefined => {
        try {
          return library.get(id).facts.quantized;
        } catch {
          return undefined;
        }
      };
      const inReports = measuredInReports(store.reports.latest(MOST_REPORTS), input.thisMachine, isQuantized);
      const onDevices = readDevices(store, isQuantized);
      const { observations, missing } = await observe([...inReports, ...onDevices, ...input.calibration]);
      const accuracies = accuracyByRecipe(store.reports.forModel(record.id), record.id);
      const answer = answerFor({ id: record.id, of: record.origin.kind === 'optimized' ? record.origin.fromModelId : record.id, name: record.name, ...read }, observations, missing, input);
      return { ...answer, options: answer.options.map((option) => ({ ...option, accuracy: accuracies.get(option.recipe) ?? null })) };
    },
  };
}

interface AskedModel extends ReadNetwork {
  readonly id: string;
  /** Model that it was made from, or itself: what was measured on the one tells of the other. */
  readonly of: string;
  readonly name: string;
}

function answerFor({ id, of, name, network, opset, assumed }: AskedModel, observations: readonly Observation[], missing: number, input: AdvisorInput): AdvisorAnswer {
  const { options, refused } = advise({
    network,
    forms: network.quantized ? [AS_IT_IS] : listRecipes().map(({ recipe }) => formOf(recipe)),
    networkOf: of,
    calibration: calibrate([...observations, ...publishedObservations(hardwareProfiles)]),
    opset,
    profiles: hardwareProfiles,
    demand: input,
    maxLatencyMs: input.maxLatencyMs,
  });
  return {
    model: { id, name, macs: network.macs, parameters: network.weights, layers: network.layers.length, quantized: network.quantized },
    asked: input,
    options,
    refused,
    notes: [...notesOn(observations.length, missing, input), ...(assumed === '' ? [] : [{ code: 'sizes-assumed', values: { sizes: assumed } }])],
  };
}

/**
 * For a file that is in no library.
 * @param measured its own times, `modelId` left aside
 * @throws whatever is wrong with the model, BAD_GRAPH
 */
export async function adviseOnFile(path: string, input: AdvisorInput, measured: readonly MeasuredModel[]): Promise<AdvisorAnswer> {
  requireKnown(input);
  const name = nameOf(path);
  const asked: AskedModel = { id: input.modelId, of: input.modelId, name, ...(await readNetwork(path, name)) };
  const observations = measured.flatMap(({ profileId, ...timed }) => {
    const profile = hardwareProfileOf(profileId);
    const machine = profile && machineOf(profile, hardwareProfiles);
    return (machine && observationOf(machine, { ...timed, network: asked.network, of: asked.of, perS: null }, 'measured')) ?? [];
  });
  return answerFor(asked, observations, measured.length - observations.length, input);
}

function requireKnown({ thisMachine, calibration }: AdvisorInput): void {
  const bad = [thisMachine ?? undefined, ...calibration.map(({ profileId }) => profileId)].find((id) => id !== undefined && hardwareProfileOf(id) === undefined);
  if (bad !== undefined) throw new EdgewiseError('BAD_REQUEST', `There is no hardware profile "${bad}".`, { hint: `There are: ${hardwareProfiles.map(({ id }) => id).join(', ')}.` });
  const wrong = calibration.find(({ profileId, unit }) => unit !== 'cpu' && !hardwareProfileOf(profileId)?.units.some(({ id }) => id === unit));
  if (wrong) throw new EdgewiseError('BAD_REQUEST', `The profile "${wrong.profileId}" has no unit "${wrong.unit}".`, { hint: 'hardware.list names the units of each profile.' });
}

/** The newest report on this model for each recipe. */
function accuracyByRecipe(reports: readonly StoredReport[], modelId: string): Map<string, AdvisorOption['accuracy']> {
  const found = new Map<string, AdvisorOption['accuracy']>();
  for (const { id, fromModelId, report } of reports) {
    if (fromModelId !== modelId || report.accuracy === null || found.has(report.recipe.name)) continue;
    const { before, after } = report.accuracy;
    found.set(report.recipe.name, { before: before.top1, after: after.top1, samples: after.samples, reportId: id });
  }
  return found;
}

function notesOn(times: number, missing: number, { thisMachine }: AdvisorInput): AdvisorNote[] {
  return [
    { code: times > 0 ? 'calibrated' : 'not-calibrated', values: { times, ...(thisMachine ? { profile: thisMachine } : {}) } },
    ...(missing > 0 ? [{ code: 'times-left-out', values: { times: missing } }] : []),
  ];
}
