/**
 * The program on a device as `edgewise agent` runs it, with points at which it kills itself (SIGKILL): told as `state:n` in the environment for the n-th
 * point in that state since the start, or by a message for the n-th from now on. The last thing that it says is where it died.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { EdgewiseError } from '../../../base/errors.ts';
import type { AgentPorts } from '../ports.ts';
import { runDevice } from '../run-device.ts';
import { faultPoints } from './fault-points.ts';

const [folder = '', ledger = ''] = process.argv.slice(2);
/** Manifest digests whose model ends its process as soon as it is in service, or when it is measured. */
const dying = { serve: process.env['EDGEWISE_DIES_IN_SERVICE'] ?? '', benchmark: process.env['EDGEWISE_DIES_IN_BENCHMARK'] ?? '' };
/** Models that are loaded: one that comes beside another is measured. */
let open = 0;
let target: { readonly state: string; left: number } | null = null;

/** States in which nothing is under way. */
const AT_REST: ReadonlySet<string> = new Set(['idle', 'succeeded', 'rolled_back', 'rejected']);
let entered = false;
let state: string = 'idle';

const aim = (text: string | undefined): void => {
  const [wanted = '', count = '1'] = (text ?? '').split(':');
  target = wanted === '' ? null : { state: wanted, left: Number(count) };
  entered = false;
};
aim(process.env['EDGEWISE_DIES_AT']);
process.on('message', (message) => aim(String(message)));

const { around } = faultPoints(join(folder, 'data', 'install.json'), ledger, (now, what) => {
  state = now;
  if (target === null) return;
  const here = target.state === now || (target.state === 'rest' && AT_REST.has(now));
  entered ||= here;
  // A state that ends before its n-th point: then at the first one after it.
  if (here ? --target.left > 0 : !entered) return;
  writeSync(1, `\nkilled ${now}: ${what}\n`);
  process.kill(process.pid, 'SIGKILL');
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

/** A model that does harm where it is told to: its process is ended, as the runtime's own fault would end it. */
const harmful = (ports: AgentPorts): AgentPorts => ({
  ...ports,
  models: {
    async load(model) {
      const beside = open > 0;
      const loaded = await ports.models.load(model);
      open++;
      const digest = model.record.manifestSha256;
      if (!beside) writeSync(1, `\nserves ${digest} ${state}\n`);
      const counted = {
        ...loaded,
        async close() {
          open--;
          await loaded.close();
        },
      };
      if (digest !== (beside ? dying.benchmark : dying.serve)) return counted;
      return {
        ...counted,
        async infer() {
          await loaded.close();
          throw new EdgewiseError('RUNTIME_CRASHED', 'The process of the model was ended.');
        },
      };
    },
  },
});

await runDevice({
  folder,
  version: 'test',
  input: { kind: 'generator', seed: 1 },
  threads: 1,
  agent: { telemetryEveryMs: 3000, framesPerS: 10, confirmInferences: 5, progressEveryMs: 200, benchmark: { runs: 20, maxMs: 5000, stretchMs: 0 } },
  around: (ports) => around(harmful(ports)),
  signal: stop.signal,
  log: (line) => writeSync(2, `${line}\n`),
  onFingerprint: () => {},
});
process.disconnect?.();
