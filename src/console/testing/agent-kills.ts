/**
 * Kills real agents (SIGKILL) at chosen points of real updates, starts them again, and looks at what holds: they serve nothing but what was confirmed or is
 * being proven, every rollout comes to the end that is right for it, and each device did each step of it once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../base/random.ts';
import type { RolloutPolicy } from '../../contract/records/rollout.ts';
import { readLedger } from '../../fleet/agent/testing/fault-points.ts';
import { comesTo, enrolDevice, submit, until, type Call, type importModels } from './fleet-calls.ts';

const ENTRY = join(import.meta.dirname, '../../fleet/agent/testing/agent-process.ts');

/** What becomes of an update. `undone`: in service, and taken back by a person. */
export type RoundKind = 'good' | 'undone' | 'dies in service' | 'dies when measured' | 'misses its gate';

/** Where a device dies in a round, in this order; the same state twice: once more on its way back. Not oftener than twice where starts are counted. */
const PLANS: Readonly<Record<RoundKind, readonly string[]>> = {
  good: ['rest', 'downloading', 'downloading', 'verifying', 'verifying', 'staged', 'benchmarking', 'benchmarking', 'swapping', 'confirming', 'confirming', 'succeeded'],
  undone: ['downloading', 'staged', 'benchmarking', 'swapping', 'confirming', 'succeeded', 'rolling_back', 'rolling_back', 'rolling_back', 'rolled_back'],
  'dies in service': ['verifying', 'benchmarking', 'swapping', 'rolling_back', 'rolling_back', 'rolled_back'],
  'dies when measured': ['downloading', 'staged', 'benchmarking', 'rejected', 'rejected'],
  'misses its gate': ['verifying', 'benchmarking', 'benchmarking', 'idle'],
};
/** About how many points a state has. */
const POINTS: Readonly<Record<string, number>> = { rest: 14, idle: 8, downloading: 40, verifying: 30, staged: 6, benchmarking: 16, swapping: 5, confirming: 22, succeeded: 14, rolling_back: 10, rolled_back: 6, rejected: 5 };

export interface KillTally {
  kills: number;
  /** By state and what was going on. */
  readonly points: Map<string, number>;
  rounds: number;
  /** Starts after a kill that came to serve a model before the next one. */
  cameUp: number;
  readonly wrong: string[];
}

interface Device {
  readonly id: string;
  readonly folder: string;
  readonly ledger: string;
  child: ChildProcess | null;
  plan: string[];
  env: Readonly<Record<string, string>>;
  last: string;
  /** Called with each digest that it serves, and in which state. */
  serves: (digest: string, state: string) => void;
}

export interface AgentKillOptions {
  readonly call: Call;
  readonly publish: Awaited<ReturnType<typeof importModels>>;
  readonly folder: string;
  readonly devices: number;
  readonly rounds: readonly RoundKind[];
  readonly seed: number;
  readonly log: (line: string) => void;
}

export async function killAgents({ call, publish, folder, devices: count, rounds, seed, log }: AgentKillOptions): Promise<KillTally> {
  const random = seededRandom(seed);
  const tally: KillTally = { kills: 0, points: new Map(), rounds: 0, cameUp: 0, wrong: [] };
  const devices: Device[] = [];
  let closing = false;

  const start = (device: Device): void => {
    const [state] = device.plan;
    const aim = state === undefined ? '' : `${state}:${1 + Math.floor(random() * (POINTS[state] ?? 5))}`;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ENTRY, device.folder, device.ledger], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...device.env, EDGEWISE_DIES_AT: aim, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    device.child = child;
    let out = '';
    child.stdout?.on('data', (data: Buffer) => {
      out += data.toString();
      const lines = out.split('\n');
      out = lines.pop() ?? '';
      for (const line of lines) {
        const served = /^serves (\w+) (\w+)/u.exec(line);
        if (served?.[1] !== undefined && served[2] !== undefined) device.serves(served[1], served[2]);
        const killed = /^killed (.*)$/u.exec(line)?.[1];
        if (process.env['EDGEWISE_VERBOSE'] !== undefined) log(`${(performance.now() / 1000).toFixed(1)} ${device.id} ${line.slice(0, 100)}`);
        if (killed !== undefined) tally.points.set(killed, (tally.points.get(killed) ?? 0) + 1);
      }
    });
    child.stderr?.on('data', (data: Buffer) => (device.last = (device.last + data.toString()).slice(-3000)));
    child.on('exit', (code, signal) => {
      if (closing) return;
      if (signal !== 'SIGKILL') tally.wrong.push(`${device.id} ended by itself with ${code ?? signal}: ${device.last}`);
      else {
        tally.kills++;
        device.plan.shift();
        start(device);
      }
    });
  };
  /** The rest of its life without kills. */
  const spare = (): void => {
    for (const device of devices) {
      device.plan = [];
      device.child?.send('', () => {});
    }
  };
  const rowOf = async (id: string): Promise<{ readonly presence: string; readonly digest: string | null }> => (await call('fleet.device', { id })).row;
  const digestIs = (device: Device, digest: string): Promise<unknown> => until(`${device.id} to say that it runs ${digest.slice(0, 8)}`, () => rowOf(device.id), (row) => row.presence === 'online' && row.digest === digest);

  for (let index = 1; index <= count; index++) {
    const id = `k${index}`;
    const device: Device = { id, folder: join(folder, id), ledger: join(folder, `${id}.ledger`), child: null, plan: [], env: {}, last: '', serves: () => {} };
    const { joined, request } = await enrolDevice(call, id);
    mkdirSync(device.folder, { recursive: true });
    writeFileSync(join(device.folder, 'key.json'), JSON.stringify(request));
    writeFileSync(join(device.folder, 'joined.json'), JSON.stringify(joined));
    devices.push(device);
    start(device);
  }

  /** What ran before, and runs after an update that comes to nothing. */
  let good = '';
  async function round(kind: RoundKind | 'first', number: number): Promise<void> {
    const artifact = await publish(number % 2 === 0 ? 'small' : 'larger', number);
    const { digest } = artifact;
    const before = good;
    const stays = kind === 'good' || kind === 'first';
    const env = { EDGEWISE_DIES_IN_SERVICE: kind === 'dies in service' ? digest : '', EDGEWISE_DIES_IN_BENCHMARK: kind === 'dies when measured' ? digest : '' };
    const marks = new Map(devices.map((device) => [device.id, readLedger(device.ledger).steps.length]));
    const plan = kind === 'first' ? [] : PLANS[kind];
    for (const device of devices) {
      device.env = env;
      device.serves = (served, state) => {
        if (served === before || (served === digest && (state === 'confirming' || ((kind === 'undone' || stays) && state !== 'rolled_back')))) tally.cameUp++;
        else tally.wrong.push(`${device.id} served ${served} while ${state} in a round that ${kind}`);
      };
      // A new start, so that it knows what is asked of it in this round.
      device.plan = ['', ...plan];
      device.child?.kill('SIGKILL');
    }
    await until('every device to be back', async () => Promise.all(devices.map(async ({ id, plan: left }) => left[0] !== '' && (await rowOf(id)).presence === 'online')), (all) => all.every(Boolean));
    tally.kills -= devices.length;

    const gates: RolloutPolicy['gates'] = kind === 'misses its gate' ? [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 0.001, minSamples: 5, required: true }] : [];
    const name = `round ${number}`;
    const id = await submit(call, artifact, name, { gates });
    const act = (action: 'stop' | 'roll_back'): Promise<unknown> => call('rollouts.act', { id, action, by: 'ann', note: '', confirm: name });
    const ends = await comesTo(call, id, stays || kind === 'undone' ? ['finished'] : ['finished', 'paused']);
    if (kind === 'undone') {
      await act('roll_back');
      await comesTo(call, id, ['rolled_back']);
    } else if (ends.rollout.state === 'paused') {
      await act('stop');
      await comesTo(call, id, ['stopped']);
    }
    // What is left of the plan is of states that only come after the rollout's end, if at all.
    await new Promise((resolve) => setTimeout(resolve, 500));
    spare();
    if (stays) good = digest;
    for (const device of devices) await digestIs(device, good);
    for (const told of await call('rollouts.devices', { id })) {
      // The first that fails pauses the rollout, and a person stops it: the other may not have been measured yet.
      const wanted = { first: ['succeeded'], good: ['succeeded'], undone: ['rolled_back'], 'dies in service': ['rolled_back', 'cancelled'], 'dies when measured': ['failed', 'cancelled'], 'misses its gate': ['rejected', 'cancelled'] }[kind];
      if (!wanted.includes(told.state)) tally.wrong.push(`${told.deviceId} is ${told.state} (${told.reason}) after a round that ${kind}`);
    }
    for (const device of devices) {
      const { steps, takenTwice } = readLedger(device.ledger);
      const mine = steps.slice(marks.get(device.id) ?? 0).filter((step) => step.digest === digest);
      const times = (to: string): number => mine.filter((step) => step.to === to).length;
      const swaps = times('confirming');
      const wanted = kind === 'dies when measured' || kind === 'misses its gate' || (kind === 'dies in service' && mine.length > 0 && mine.every((step) => step.to !== 'swapping')) ? 0 : 1;
      if (swaps !== wanted) tally.wrong.push(`${device.id} swapped ${swaps} times in a round that ${kind}`);
      if (times('succeeded') !== (stays || kind === 'undone' ? 1 : 0)) tally.wrong.push(`${device.id} confirmed ${times('succeeded')} times in a round that ${kind}`);
      if (takenTwice.length > 0) tally.wrong.push(`${device.id} took ${takenTwice.join(', ')} twice`);
    }
    tally.rounds++;
    log(`round ${number}, ${kind}: ${tally.kills} kills so far, ${tally.wrong.length === 0 ? 'nothing wrong' : tally.wrong.join('; ')}`);
  }

  try {
    await round('first', 1);
    tally.rounds = 0;
    for (const [index, kind] of rounds.entries()) await round(kind, index + 2);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tally.wrong.join('\n')}\n${devices.map(({ id, last }) => `${id}: ${last.slice(-1500)}`).join('\n')}`, { cause: error });
  } finally {
    closing = true;
    await Promise.all(
      devices.map(({ child }) => new Promise<void>((resolve) => {
        if (child === null || child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      })),
    );
  }
  return tally;
}
