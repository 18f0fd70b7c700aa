/** A model runtime of arithmetic: it reads and checks the files of the slot as the real one does, and makes its latencies up. */
import { EdgewiseError } from '../../../base/errors.ts';
import { ARTIFACT_FILES, workloadFacts } from '../../../contract/records/workload.ts';
import type { InstallDisk } from '../install/disk.ts';
import type { InstalledModel } from '../install/installer.ts';
import type { LoadedModel, ModelRuntime } from '../ports.ts';
import type { ArtifactEffect, DeviceFaults } from './faults.ts';
import type { SimulatedFigures } from './figures.ts';
import type { SharedBytes } from './memory-disk.ts';

export interface SimulatedRuntime extends ModelRuntime {
  /** Of what is in service; null: nothing is, or nothing special. */
  effect(): ArtifactEffect | null;
}

export interface SimulatedRuntimeOptions {
  readonly disk: InstallDisk;
  readonly shared: SharedBytes;
  readonly figures: SimulatedFigures;
  readonly faults: DeviceFaults;
  readonly effects: readonly ArtifactEffect[];
}

const MOST_BYTES = 2 ** 31;

export function simulatedRuntime(options: SimulatedRuntimeOptions): SimulatedRuntime {
  const { disk, shared, figures, faults, effects } = options;
  let inService: { readonly effect: ArtifactEffect | null } | null = null;
  /** What was first put here is what the device came with: only a later one is new. */
  let first: string | null = null;

  const effectOf = ({ record }: InstalledModel): ArtifactEffect | null =>
    effects.findLast((effect) => effect.artifact === record.artifact && (effect.version === undefined || effect.version === null || effect.version === record.version)) ?? null;

  const checked = async (model: InstalledModel): Promise<number> => {
    let modelBytes = 0;
    for (const { name, sha256: digest, length } of model.record.files) {
      const bytes = await disk.read(`slots/${model.slot}/${name}`, 0, Math.min(length + 1, MOST_BYTES));
      if (shared.digest(bytes) !== digest) throw new EdgewiseError('WRONG_CONTENT', `${name} in slot ${model.slot} is not what was signed.`, { hint: 'Install again. If it comes back, the disk of the device is failing.' });
      if (name.startsWith(ARTIFACT_FILES.model)) modelBytes += bytes.length;
    }
    return modelBytes;
  };

  return {
    effect: () => inService?.effect ?? null,
    async load(model): Promise<LoadedModel> {
      const modelBytes = await checked(model);
      const digest = model.record.manifestSha256;
      const effect = effectOf(model);
      first ??= digest;
      const isNew = digest !== first;
      const beside = inService !== null;
      const own = { effect };
      if (!beside) inService = own;
      let open = true;
      let ended: ((error: Error) => void) | null = null;
      const close = (): void => {
        open = false;
        if (inService === own) inService = null;
      };
      const crash = (): EdgewiseError => {
        const error = new EdgewiseError('RUNTIME_CRASHED', 'The simulated process was ended by SIGSEGV.');
        close();
        ended?.(error);
        return error;
      };
      return {
        digest,
        async infer(count) {
          if (!open) throw new EdgewiseError('RUNTIME_CRASHED', 'The simulated process has ended.');
          if (isNew && ((beside && faults.failsBenchmark) || (!beside && faults.rebootLoop))) throw crash();
          return Array.from({ length: count }, () => figures.latencyMs(modelBytes, effect));
        },
        async check(of) {
          const text = await disk.readText(`slots/${of.slot}/${ARTIFACT_FILES.facts}`);
          const set = text === null ? null : (workloadFacts.parse(JSON.parse(text)).check ?? null);
          return set === null ? null : { value: figures.accuracy(effect, set.samples), samples: set.samples };
        },
        answer: async () => ({ latencyMs: figures.latencyMs(modelBytes, effect), scores: null, label: null }),
        onEnd(listener) {
          ended = listener;
        },
        async close() {
          close();
        },
      };
    },
  };
}
