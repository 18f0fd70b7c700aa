/**
 * Kills the console (SIGKILL) at chosen points of rollouts, starts it again, and looks at what holds: every rollout comes to its end, no device is told or does
 * anything twice, and the log of what happened has no gap.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { seededRandom } from '../../base/random.ts';
import type { AuditEntry, RolloutPolicy } from '../../contract/records/rollout.ts';
import type { RolloutAction, RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import type { RouteInput, RouteName, RouteOutput } from '../../contract/rpc/routes.ts';
import type { Agent } from '../../fleet/agent/create-agent.ts';
import { createSimulatedDevice } from '../../fleet/agent/simulate/simulated-device.ts';
import { deviceLedger, type DeviceLedger } from '../../fleet/agent/testing/device-ledger.ts';
import { auditOf, enrolDevice, importModels, openLine, QUICK_POLICY, until, type Call } from './fleet-calls.ts';

export type RolloutRound = 'approved' | 'paused' | 'stopped' | 'undone' | 'misses its gate';

const PLANS: Readonly<Record<RolloutRound, readonly string[]>> = {
  approved: ['draft', 'awaiting_approval', 'awaiting_approval', 'scheduled', 'scheduled', ...Array.from({ length: 8 }, () => 'running'), 'finished'],
  paused: ['running', 'running', 'running', 'paused', 'paused', 'paused', 'running', 'running', 'running', 'finished'],
  stopped: ['scheduled', 'running', 'running', 'running', 'stopping', 'stopping', 'stopping', 'stopped'],
  undone: ['running', 'running', 'running', 'running', 'finished', 'rolling_back', 'rolling_back', 'rolling_back', 'rolling_back', 'rolled_back'],
  'misses its gate': ['running', 'running', 'running', 'running', 'rolling_back', 'rolling_back', 'rolled_back'],
};
const POINTS: Readonly<Record<string, number>> = { draft: 10, awaiting_approval: 10, scheduled: 10, running: 30, paused: 20, finished: 12, stopping: 10, stopped: 10, rolling_back: 24, rolled_back: 10 };
/** What each state is left by, and by whom; persons act again where nothing came of it. */
const QUICK = { telemetryEveryMs: 500, framesPerS: 50, frameBatchMs: 200, confirmInferences: 3, progressEveryMs: 100, benchmark: { runs: 20, maxMs: 2000, stretchMs: 0 } };

export interface RolloutKillTally {
  kills: number;
  readonly points: Map<string, number>;
  readonly wrong: string[];
  installs: number;
  commands: number;
  audit: number;
}

export interface RolloutKillOptions {
  readonly folder: string;
  readonly brokerPort: number;
  readonly artifactsPort: number;
  readonly devices: number;
  readonly rounds: readonly RolloutRound[];
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** The console's process: asked by messages, and started again where it died. */
function consoleUnderKill(folder: string, tally: RolloutKillTally, random: () => number): { readonly call: Call; plan: string[]; close(): Promise<void>; spare(): void; aim(): void } {
  let child: ChildProcess;
  let ready: Promise<void>;
  let count = 0;
  let closing = false;
  let said = '';
  const waiting = new Map<number, { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }>();
  const next = (): string => {
    const [state] = under.plan;
    return state === undefined ? '' : `${state}:${1 + Math.floor(random() * (POINTS[state] ?? 5))}`;
  };
  const start = (): void => {
    const mine = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'console-process.ts'), join(folder, 'home')], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, EDGEWISE_DIES_AT: next(), NODE_COMPILE_CACHE: join(folder, 'compiled') },
    });
    child = mine;
    mine.stdout?.on('data', (data: Buffer) => {
      for (const [, killed = ''] of data.toString().matchAll(/^killed (.*)$/gmu)) tally.points.set(killed, (tally.points.get(killed) ?? 0) + 1);
    });
    mine.stderr?.on('data', (data: Buffer) => {
      said = (said + data.toString()).slice(-4000);
      for (const [, fault = ''] of data.toString().matchAll(/(fault (?:in|while).*)$/gmu)) tally.wrong.push(fault);
    });
    ready = new Promise((resolve) => {
      mine.on('message', (message: { readonly ready?: true; readonly id?: number }) => {
        if (message.ready) return resolve();
        const asked = waiting.get(message.id ?? -1);
        waiting.delete(message.id ?? -1);
        asked?.resolve(message);
      });
      mine.on('exit', (code, signal) => {
        for (const { reject } of waiting.values()) reject(new Error('the console died'));
        waiting.clear();
        if (closing) return resolve();
        if (signal !== 'SIGKILL') {
          tally.wrong.push(`the console ended by itself with ${code ?? signal}: ${said}`);
          closing = true;
          resolve();
        } else {
          tally.kills++;
          under.plan.shift();
          start();
          void ready.then(resolve);
        }
      });
    });
  };
  const ask = async <N extends RouteName>(route: N, input: RouteInput<N>): Promise<RouteOutput<N>> => {
    await ready;
    const id = ++count;
    const answer = (await new Promise<unknown>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      // Not at once: whoever asks again and again would never let its end be heard of.
      const dead = (): void => void setTimeout(() => {
        waiting.delete(id);
        reject(new Error('the console died'));
      }, 20);
      if (closing) return reject(Object.assign(new Error(tally.wrong.at(-1)), { code: 'CLOSED' }));
      child.send({ id, route, input }, (error) => error && dead());
    })) as { readonly ok: boolean; readonly data: unknown; readonly error: { readonly code: string; readonly message: string } };
    if (!answer.ok) throw Object.assign(new Error(`${route}: ${answer.error.code} ${answer.error.message}`), { code: answer.error.code });
    return answer.data as RouteOutput<N>;
  };
  const under = {
    plan: [] as string[],
    call: ask as Call,
    aim: () => void child.send({ aim: next() }, () => {}),
    spare(): void {
      under.plan = [];
      child.send({ aim: '' }, () => {});
    },
    async close(): Promise<void> {
      closing = true;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await gone;
    },
  };
  start();
  return under;
}

export async function killConsole(options: RolloutKillOptions): Promise<RolloutKillTally> {
  const { folder, rounds, log } = options;
  const tally: RolloutKillTally = { kills: 0, points: new Map(), wrong: [], installs: 0, commands: 0, audit: 0 };
  const under = consoleUnderKill(folder, tally, seededRandom(options.seed));
  const { call } = under;
  /** Asked again until there is an answer. */
  const sure: Call = async (route, input) => {
    for (;;) {
      try {
        return await call(route, input);
      } catch (error) {
        if ((error as { readonly code?: string }).code !== undefined) throw error;
      }
    }
  };
  const agents: Agent[] = [];
  const ledgers = new Map<string, DeviceLedger>();

  async function act(id: string, action: RolloutAction, by: string, confirm: string | null, became: readonly string[]): Promise<void> {
    for (;;) {
      try {
        await call('rollouts.act', { id, action, by, note: '', confirm });
      } catch (error) {
        // It may have been done before the answer was lost.
        const { rollout } = await sure('rollouts.get', { id });
        if (became.includes(rollout.state)) return;
        if ((error as { readonly code?: string }).code !== undefined) throw error;
      }
      if (became.includes((await sure('rollouts.get', { id })).rollout.state)) return;
    }
  }
  const comes = (id: string, ...states: string[]): Promise<RolloutSummary> =>
    until(states.join(' or '), () => sure('rollouts.get', { id }), ({ rollout }) => states.includes(rollout.state), 120_000).catch(async (error: unknown) => {
      const devices = (await sure('rollouts.devices', { id })).map((device) => `${device.deviceId} ${device.state} ${device.online ? 'online' : 'offline'} ${device.reason ?? ''}`);
      throw new Error(`${String(error).slice(0, 600)}\n${devices.join('\n')}`);
    });

  async function round(kind: RolloutRound | 'first', number: number, publish: Awaited<ReturnType<typeof importModels>>): Promise<void> {
    const artifact = await publish(number % 2 === 0 ? 'small' : 'larger', number);
    const name = `round ${number}`;
    under.plan = kind === 'first' ? [] : [...PLANS[kind]];
    under.aim();
    const policy: RolloutPolicy = {
      ...QUICK_POLICY, canary: 1, approval: kind === 'approved' ? 'other_person' : 'none', startAtMs: kind === 'approved' || kind === 'stopped' ? Date.now() + 6000 : null, onGateFailure: 'roll_back', waveGates: { missedAtMostShare: 0, minDevices: 1 },
      gates: kind === 'misses its gate' ? [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 0.001, minSamples: 5, required: true }] : [], soakMs: kind === 'misses its gate' ? 500 : 0,
    };
    let id: string | undefined;
    while (id === undefined) {
      const known = (await sure('rollouts.list', {})).find(({ rollout }) => rollout.name === name);
      id = known?.rollout.id ?? (await call('rollouts.create', { name, artifact: 'flow', version: artifact.version, filter: 'store = s1', policy }).then(({ rollout }) => rollout.id, () => undefined));
    }
    if (kind === 'approved') {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await act(id, 'submit', 'ann', null, ['awaiting_approval', 'scheduled', 'running', 'finished']);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      await act(id, 'approve', 'bob', null, ['scheduled', 'running', 'finished']);
    } else await act(id, 'submit', 'ann', null, ['scheduled', 'running', 'finished', 'rolling_back', 'rolled_back']);
    if (kind === 'paused' || kind === 'stopped') {
      // Somewhere in its middle.
      await until('a device to be at it', () => sure('rollouts.get', { id }), ({ states }) => (states.benchmarking ?? 0) + (states.swapping ?? 0) + (states.confirming ?? 0) + (states.succeeded ?? 0) > 0, 60_000);
      await act(id, kind === 'paused' ? 'pause' : 'stop', 'ann', kind === 'paused' ? null : name, kind === 'paused' ? ['paused', 'finished'] : ['stopping', 'stopped', 'finished']);
      if (kind === 'paused') {
        await new Promise((resolve) => setTimeout(resolve, 6000));
        await act(id, 'resume', 'ann', null, ['running', 'finished']);
      }
    }
    if (kind === 'undone') {
      await comes(id, 'finished');
      await act(id, 'roll_back', 'ann', name, ['rolling_back', 'rolled_back']);
    }
    const ended = await comes(id, ...(kind === 'stopped' ? ['stopped', 'finished'] : kind === 'undone' || kind === 'misses its gate' ? ['rolled_back'] : ['finished']));
    await new Promise((resolve) => setTimeout(resolve, kind === 'first' ? 0 : 1500));
    under.spare();

    const told = await sure('rollouts.devices', { id });
    if (told.length !== options.devices) tally.wrong.push(`${told.length} devices in round ${number}`);
    for (const { deviceId, state } of told) {
      const ledger = ledgers.get(deviceId);
      const steps = (to: string): number => ledger?.steps.filter((step) => step.digest === artifact.digest && step.to === to).length ?? 0;
      const wanted = { first: ['succeeded'], approved: ['succeeded'], paused: ['succeeded'], stopped: ['succeeded', 'cancelled'], undone: ['rolled_back'], 'misses its gate': ['rejected', 'cancelled'] }[kind];
      if (!wanted.includes(state)) tally.wrong.push(`${deviceId} is ${state} after round ${number}, ${kind}, which ended ${ended.rollout.state}`);
      const installs = state === 'succeeded' || state === 'rolled_back' ? 1 : 0;
      if (steps('confirming') !== installs || steps('succeeded') !== installs) tally.wrong.push(`${deviceId} swapped ${steps('confirming')} and confirmed ${steps('succeeded')} times, and is ${state}, in round ${number}, ${kind}`);
      const row = await until('the console to know', async () => (await sure('fleet.device', { id: deviceId })).row, ({ presence, digest }) => presence === 'online' && digest === ledger?.runs(), 30_000).catch(() => undefined);
      if (row === undefined) tally.wrong.push(`the console does not know what ${deviceId} runs`);
      tally.installs += steps('confirming');
    }
    const audit = await auditOf(sure, id);
    tally.audit += audit.length;
    tally.wrong.push(...gaps(audit).map((gap) => `round ${number}, ${kind}: ${gap}`));
    log(`round ${number}, ${kind}: ${tally.kills} kills so far, ${tally.wrong.length === 0 ? 'nothing wrong' : tally.wrong.join('; ')}`);
  }

  try {
    await openLine(call, options);
    const publish = await importModels(call, folder);
    for (let index = 1; index <= options.devices; index++) {
      const id = `c${index}`;
      const { joined, request } = await enrolDevice(call, id);
      const ledger = deviceLedger();
      ledgers.set(id, ledger);
      const agent = createSimulatedDevice({ joined, keyPem: request.keyPem, seed: options.seed, options: QUICK, retry: { firstMs: 50, mostMs: 200 }, around: ledger.around });
      agents.push(agent);
      await agent.start();
    }
    await until('all to be there', () => call('fleet.devices', {}), (rows) => rows.every(({ presence }) => presence === 'online'));
    await round('first', 1, publish);
    for (const [index, kind] of rounds.entries()) await round(kind, index + 2, publish);
    for (const [id, ledger] of ledgers) {
      tally.commands += ledger.taken.length;
      if (new Set(ledger.taken).size !== ledger.taken.length) tally.wrong.push(`${id} took a command twice`);
    }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tally.wrong.join('\n')}`, { cause: error });
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
    await under.close();
  }
  return tally;
}

/** Where the log of one subject does not go on from where it was. */
function gaps(audit: readonly AuditEntry[]): string[] {
  const at = new Map<string, string>();
  return audit.flatMap(({ subject, event, from, to }) => {
    const key = `${subject.kind} ${subject.id}`;
    const before = at.get(key);
    at.set(key, to);
    return before === undefined || before === from || from === '' ? [] : [`${key} was ${before}, and ${event} led from ${from} to ${to}`];
  });
}
