/** `edgewise agent`: the program on a device, until it is told to stop. */
import { EdgewiseError } from '../../base/errors.ts';
import type { WorkloadInput } from '../../fleet/agent/model/child-messages.ts';
import { runDevice } from '../../fleet/agent/run-device.ts';
import type { PowerFlags } from '../energy-options.ts';
import type { Io } from '../io.ts';
import type { Places } from '../places.ts';
import { powerModelOf } from './energy-choice.ts';

export interface AgentFlags extends PowerFlags {
  readonly dir: string;
  readonly claim?: string;
  readonly input: string;
  readonly threads: number;
  readonly fps?: number;
  readonly telemetry?: number;
}

export async function agent(flags: AgentFlags, places: Places, io: Io, signal: AbortSignal): Promise<void> {
  const { input, httpPort } = inputOf(flags.input);
  const power = powerModelOf(flags, flags.threads);
  await runDevice({
    folder: flags.dir, version: places.version, input, threads: flags.threads, signal, log: (line) => io.note(line),
    ...(flags.claim === undefined ? {} : { claim: flags.claim }),
    ...(httpPort === undefined ? {} : { httpPort }),
    ...(power === undefined ? {} : { power: { idleW: power.idleW, busyW: power.busyW } }),
    ...(flags.wallMeter === undefined ? {} : { wallMeter: flags.wallMeter }),
    agent: { ...(flags.fps === undefined ? {} : { framesPerS: flags.fps }), ...(flags.telemetry === undefined ? {} : { telemetryEveryMs: flags.telemetry * 1000 }) },
    onFingerprint: (fingerprint) => io.note(`This device's key is\n\n  ${fingerprint}\n\nIt waits until it is accepted: edgewise fleet accept DEVICE --confirm FINGERPRINT`),
  });
  io.result({ stopped: true }, () => 'Stopped.');
}

/** `folder:PATH`, `generator`, `generator:SEED`, `http:PORT`. */
function inputOf(text: string): { readonly input: WorkloadInput; readonly httpPort?: number } {
  const at = text.indexOf(':');
  const [kind, rest] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  if (kind === 'folder' && rest !== '') return { input: { kind: 'folder', path: rest } };
  if (kind === 'generator' && /^\d{0,9}$/u.test(rest)) return { input: { kind: 'generator', seed: Number(rest) } };
  if (kind === 'http' && /^\d{1,5}$/u.test(rest) && Number(rest) < 65_536) return { input: { kind: 'generator', seed: 0 }, httpPort: Number(rest) };
  throw new EdgewiseError('USAGE', `--input ${text} is not understood.`, { hint: 'Use folder:PATH, generator, generator:SEED or http:PORT.' });
}
