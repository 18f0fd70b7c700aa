/** What is about to be run: model, recipe, data and how it is fed. Outlives the page, so that looking elsewhere loses nothing. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { toEdgewiseError, type ErrorRecord } from '../../../../src/base/errors.ts';
import type { DatasetMatch } from '../../../../src/contract/records/dataset.ts';
import type { OptimizeInput } from '../../../../src/contract/records/job.ts';
import type { RouteOutput } from '../../../../src/contract/rpc/routes.ts';
import type { Preprocess } from '../../parts/preprocess-words.ts';
import { useModels } from '../../stores/models.store.ts';
import { api } from '../../transport/client.ts';
import { parseRecipe } from './recipe-text.ts';

export const DEFAULT_SAMPLES = 100;
export const DEFAULT_SEED = 1;

export const useOptimize = defineStore('optimize', () => {
  const models = useModels();
  const recipes = ref<RouteOutput<'recipes.list'>>([]);
  const recents = ref<RouteOutput<'datasets.recent'>>([]);

  const modelId = ref<string | null>(null);
  const recipeName = ref('int8');
  /** A recipe written by hand; null: the built-in one of `recipeName`. */
  const customText = ref<string | null>(null);
  const dataPath = ref('');
  const labelsPath = ref('');
  /** How samples are fed, where the person has said so; null: as guessed. */
  const preprocess = ref<Preprocess | null>(null);
  const samples = ref(DEFAULT_SAMPLES);
  const seed = ref(DEFAULT_SEED);

  const match = ref<DatasetMatch | null>(null);
  const matchError = ref<ErrorRecord | null>(null);
  const matching = ref(false);
  let matches = 0;

  const chosen = computed(() => recipes.value.find(({ recipe }) => recipe.name === recipeName.value) ?? null);
  const custom = computed(() => (customText.value === null ? null : parseRecipe(customText.value)));
  const needsData = computed(() => custom.value === null && (chosen.value?.needsData ?? false));

  /** What is missing before it can run, as a key of the page's words; null: nothing. */
  const missing = computed<'model' | 'recipe' | 'data' | 'badData' | null>(() => {
    if (modelId.value === null) return 'model';
    if (custom.value?.problem !== undefined) return 'recipe';
    if (needsData.value && dataPath.value === '') return 'data';
    return dataPath.value !== '' && matchError.value !== null ? 'badData' : null;
  });

  /** The form as a job's input, complete or not. */
  const draft = computed(() => {
    const withData = dataPath.value !== '';
    return {
      modelId: modelId.value ?? '',
      recipe: custom.value?.recipe ?? recipeName.value,
      ...(withData ? { dataPath: dataPath.value, samples: samples.value } : {}),
      ...(withData && labelsPath.value !== '' ? { labelsPath: labelsPath.value } : {}),
      ...(withData && preprocess.value !== null ? { preprocess: preprocess.value } : {}),
      seed: seed.value,
    } satisfies OptimizeInput;
  });
  const input = computed<OptimizeInput | null>(() => (missing.value === null ? draft.value : null));

  async function load(): Promise<void> {
    [recipes.value, recents.value] = await Promise.all([api.invoke('recipes.list', {}), api.invoke('datasets.recent', {})]);
    offerSample();
  }

  async function refreshMatch(): Promise<void> {
    const run = ++matches;
    matchError.value = null;
    if (modelId.value === null || dataPath.value === '') {
      match.value = null;
      matching.value = false;
      return;
    }
    matching.value = true;
    try {
      const found = await api.invoke('datasets.match', {
        path: dataPath.value,
        modelId: modelId.value,
        ...(labelsPath.value === '' ? {} : { labelsPath: labelsPath.value }),
        ...(preprocess.value === null ? {} : { preprocess: preprocess.value }),
      });
      if (run === matches) match.value = found;
    } catch (error) {
      if (run !== matches) return;
      match.value = null;
      matchError.value = toEdgewiseError(error).toRecord();
    } finally {
      if (run === matches) matching.value = false;
    }
  }

  /** The sample's pictures belong to the sample: one click less for who tries it. */
  function offerSample(): void {
    if (dataPath.value !== '' || modelId.value === null || models.byId[modelId.value]?.origin.kind !== 'sample') return;
    const sample = recents.value.find((entry) => entry.sample);
    if (sample) setData(sample.path);
  }

  function setModel(id: string | null): void {
    if (modelId.value === id) return;
    modelId.value = id;
    preprocess.value = null;
    void refreshMatch();
    offerSample();
  }

  function setData(path: string): void {
    dataPath.value = path;
    labelsPath.value = '';
    preprocess.value = null;
    void refreshMatch();
  }

  function setLabels(path: string): void {
    labelsPath.value = path;
    void refreshMatch();
  }

  function setPreprocess(record: Preprocess | null): void {
    preprocess.value = record;
    void refreshMatch();
  }

  /** Shows a job's own input. */
  function fill(from: OptimizeInput): void {
    modelId.value = from.modelId;
    if (typeof from.recipe === 'string') {
      recipeName.value = from.recipe;
      customText.value = null;
    } else {
      recipeName.value = from.recipe.name;
      customText.value = JSON.stringify(from.recipe, null, 2);
    }
    dataPath.value = from.dataPath ?? '';
    labelsPath.value = from.labelsPath ?? '';
    preprocess.value = from.preprocess ?? null;
    samples.value = from.samples ?? DEFAULT_SAMPLES;
    seed.value = from.seed ?? DEFAULT_SEED;
    void refreshMatch();
  }

  return { recipes, recents, modelId, recipeName, customText, dataPath, labelsPath, preprocess, samples, seed, match, matchError, matching, chosen, custom, needsData, missing, draft, input, load, setModel, setData, setLabels, setPreprocess, fill };
});
