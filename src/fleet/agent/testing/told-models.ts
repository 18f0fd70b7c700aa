/** For tests: a model runtime that does what the model's own bytes say. */
import { EdgewiseError } from '../../../base/errors.ts';
import { sha256 } from '../../artifact/keys.ts';
import type { InstallDisk } from '../install/disk.ts';
import type { InstalledModel } from '../install/installer.ts';
import type { ModelRuntime } from '../ports.ts';
import type { Behaviour } from './publisher-server.ts';

export interface ToldModels extends ModelRuntime {
  /** Digests in the order in which they were loaded. */
  readonly loads: string[];
  /** Ends what runs, as a crash would. */
  crash(): void;
}

/** @param onDeadly what a deadly model does to the device */
export function toldModels(disk: InstallDisk, onDeadly: () => Promise<never> | never = () => new Promise<never>(() => {}), onLoad: (digest: string) => void = () => {}): ToldModels {
  const loads: string[] = [];
  let crashCurrent = (): void => {};
  let running = 0;
  const read = async (model: InstalledModel): Promise<Behaviour> => {
    for (const file of model.record.files) {
      if (sha256(await disk.read(`slots/${model.slot}/${file.name}`, 0, 2 ** 26)) !== file.sha256) throw new EdgewiseError('WRONG_CONTENT', 'What is loaded is not what was signed.');
    }
    return JSON.parse(Buffer.from(await disk.read(`slots/${model.slot}/model.onnx`, 0, 2 ** 20)).toString()) as Behaviour;
  };
  return {
    loads,
    crash: () => crashCurrent(),
    async load(model) {
      const told = await read(model);
      if (told.fault === 'load') throw new EdgewiseError('RUNTIME_ERROR', 'It does not load.');
      const beside = running > 0;
      if (told.fault === 'deadly' && !beside) await onDeadly();
      loads.push(model.record.manifestSha256);
      onLoad(model.record.manifestSha256);
      running++;
      let open = true;
      let ended: ((error: Error) => void) | null = null;
      const end = (): void => {
        if (!open) return;
        open = false;
        running--;
      };
      const crash = (): EdgewiseError => {
        const error = new EdgewiseError('RUNTIME_CRASHED', 'The process was ended by SIGFPE.');
        end();
        ended?.(error);
        return error;
      };
      if (!beside) crashCurrent = () => void crash();
      return {
        digest: model.record.manifestSha256,
        async infer(count) {
          if (!open) throw new EdgewiseError('RUNTIME_CRASHED', 'It has ended.');
          if ((told.fault === 'serve' && !beside) || (told.fault === 'benchmark' && beside)) throw crash();
          const ms = beside ? (told.latencyMs ?? 10) : (told.serviceMs ?? told.latencyMs ?? 10);
          return Array.from({ length: count }, () => ms);
        },
        check: async () => (told.accuracy === undefined ? null : { value: told.accuracy, samples: 200 }),
        answer: async () => ({ latencyMs: told.latencyMs ?? 10, scores: null, label: null }),
        onEnd(listener) {
          ended = listener;
        },
        async close() {
          end();
        },
      };
    },
  };
}
