/**
 * A model runtime of arithmetic. A model's time grows with its bytes, by the class of the device; noise, a slow drift and a day cycle lie over it.
 * Nothing is inferred: whatever comes of it is labelled as simulated by the agent that reports it.
 */
import { seededRandom } from '../../../base/random.ts';
import type { LoadedModel, ModelRuntime } from '../ports.ts';

export interface SimulatedHardware {
  /** Of an empty model. */
  readonly baseMs: number;
  readonly msPerMegabyte: number;
  /** Standard deviation over the mean. */
  readonly noise: number;
  /** Share by which the middle of the day is slower than the night. */
  readonly dayCycle: number;
}

export const SIMULATED_HARDWARE: SimulatedHardware = { baseMs: 3, msPerMegabyte: 6, noise: 0.06, dayCycle: 0.05 };

export interface SimulatedModelsOptions {
  readonly hardware?: SimulatedHardware;
  readonly seed: number;
  /** The device's clock, milliseconds since 1970. */
  readonly now: () => number;
  /** On the check set; the same for every model unless told otherwise. */
  readonly accuracyOf?: (bytes: number) => number;
}

const DAY_MS = 86_400_000;
const CHECK_SAMPLES = 200;

export function simulatedModels(options: SimulatedModelsOptions): ModelRuntime {
  const hardware = options.hardware ?? SIMULATED_HARDWARE;
  const random = seededRandom(options.seed);
  const accuracyOf = options.accuracyOf ?? (() => 0.9);
  return {
    async load(model): Promise<LoadedModel> {
      const bytes = model.record.files.filter(({ name }) => name.startsWith('model')).reduce((sum, file) => sum + file.length, 0);
      const meanMs = hardware.baseMs + (hardware.msPerMegabyte * bytes) / 2 ** 20;
      const one = (): number => {
        const day = 1 + hardware.dayCycle * Math.sin((2 * Math.PI * (options.now() % DAY_MS)) / DAY_MS);
        // Sum of uniforms: near enough to a bell, and never negative.
        const noise = 1 + hardware.noise * (random() + random() + random() + random() - 2) * Math.sqrt(3);
        return Math.max(0.01, meanMs * day * noise);
      };
      return {
        digest: model.record.manifestSha256,
        infer: async (count) => Array.from({ length: count }, one),
        check: async () => ({ value: accuracyOf(bytes), samples: CHECK_SAMPLES }),
        answer: async () => ({ latencyMs: one(), scores: null, label: null }),
        onEnd: () => {},
        close: async () => {},
      };
    },
  };
}
