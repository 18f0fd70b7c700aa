/** For tests: a console that keeps state and outbox, and devices that answer commands as an agent would. No time passes but what `run` lets pass. */
import { seededRandom } from '../../../base/random.ts';
import { EdgewiseError } from '../../../base/errors.ts';
import type { AuditEntry, DeviceReport, DeviceRollout, FleetMeasurements, RolloutEffect, RolloutPolicy, RolloutStore } from '../../../contract/records/rollout.ts';
import { eachDevice, getDevice } from '../device-map.ts';
import { draftRollout, planRollout } from '../plan.ts';
import { fromSnapshot, toSnapshot, type RolloutInput, type RolloutState, type Target } from '../state.ts';
import { step } from '../step.ts';

export const NEW = 'b'.repeat(64);
export const OLD = 'a'.repeat(64);
export const START = Date.parse('2026-05-04T00:00:00Z');
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export function policyOf(more: Partial<RolloutPolicy> = {}): RolloutPolicy {
  return {
    approval: 'none', startAtMs: null, canary: 2, waves: { kind: 'sizes', sizes: [] }, ramp: null,
    store: { minServing: 1, smallStores: 'wait', maxAtOnce: 2 }, download: { kind: 'always' }, update: { kind: 'always' },
    success: { atLeastShare: 0.9, minExecuted: 1 }, failures: [],
    gates: [{ metric: 'latencyP95Ms', compare: 'ratio', limit: 1.1, minSamples: 100, required: true }], waveGates: { missedAtMostShare: 0, minDevices: 1 },
    onGateFailure: 'pause', soakMs: 10 * MINUTE, retries: { max: 2, baseMs: MINUTE, factor: 2, maxMs: HOUR },
    timeoutsMs: { downloading: 10 * MINUTE, verifying: 5 * MINUTE, benchmarking: 5 * MINUTE, swapping: 2 * MINUTE, confirming: 2 * MINUTE, rolling_back: 5 * MINUTE, wave: 24 * HOUR },
    jitterMs: 0, lateJoiners: 'last_wave', tailMs: 24 * HOUR,
    ...more,
  };
}

/** What a device does, other than its best. */
export interface Behaviour {
  /** Benchmark of the new model, milliseconds; the old one takes 40. */
  latencyMs?: number;
  /** In service, after the swap. */
  serviceLatencyMs?: number | null;
  answer?: (command: string, attempt: number) => DeviceReport[] | undefined;
}

interface SimulatedDevice {
  runs: string;
  /** Highest command number seen: a command takes effect once. */
  seen: number;
  reports: number;
  swaps: number;
  behaviour: Behaviour;
}

export function figures(latencyMs: number): FleetMeasurements {
  return { latencyP95Ms: { value: latencyMs, samples: 500 } };
}

export function storesOf(count: number, devices: number, timeZone = 'UTC'): RolloutStore[] {
  return Array.from({ length: count }, (_, index) => ({ id: `s${index}`, timeZone, openingHours: [], devices }));
}

export function targetsOf(stores: readonly RolloutStore[], { online = () => true, digest = OLD }: { online?: (id: string) => boolean; digest?: string } = {}): Target[] {
  return stores.flatMap((store) => Array.from({ length: store.devices }, (_, index) => ({ deviceId: `${store.id}-d${index}`, storeId: store.id, class: index % 2 === 0 ? 'box' : 'camera', online: online(`${store.id}-d${index}`), digest })));
}

export class SimulatedFleet {
  state: RolloutState;
  now = START;
  random: () => number;
  readonly audit: AuditEntry[] = [];
  readonly notes: string[] = [];
  readonly commands: Extract<RolloutEffect, { kind: 'command' }>[] = [];
  readonly devices = new Map<string, SimulatedDevice>();
  /** Effects that were kept with the state and are not yet known to have been carried out. */
  outbox: RolloutEffect[] = [];
  readonly #carriedOut = new Set<string>();
  /** Called after each step that was kept. */
  onStep: (before: RolloutState) => void = () => {};

  constructor(policy: RolloutPolicy, stores: RolloutStore[], { targets = targetsOf(stores), seed = 1 }: { targets?: Target[]; seed?: number } = {}) {
    this.random = seededRandom(seed);
    const plan = planRollout(policy, NEW, targets, stores, this.random);
    this.state = draftRollout({ id: 'r1', name: 'test', author: 'ann', filter: '', artifact: 'flow', version: 2, digest: NEW, policy }, plan, targets, stores, this.now);
    for (const target of targets) this.devices.set(target.deviceId, { runs: target.digest ?? OLD, seen: 0, reports: 0, swaps: 0, behaviour: {} });
  }

  /** One transaction: the new state and its effects, or neither. */
  put(input: RolloutInput): void {
    const before = this.state;
    const result = step(before, input, this.now, this.random);
    this.state = result.state;
    this.outbox.push(...result.effects);
    this.onStep(before);
  }

  /** The refusal's name, or null. */
  ask(input: RolloutInput): string | null {
    try {
      this.put(input);
      return null;
    } catch (error) {
      if (error instanceof EdgewiseError && error.code === 'CONFLICT') return String(error.details?.['reason']);
      throw error;
    }
  }

  device(id: string): DeviceRollout {
    const device = getDevice(this.state.devices, id);
    if (device === undefined) throw new Error(`no device ${id}`);
    return device;
  }

  all(): DeviceRollout[] {
    return [...eachDevice(this.state.devices)].sort((a, b) => a.order - b.order);
  }

  count(state: DeviceRollout['state']): number {
    return this.all().filter((device) => device.state === state).length;
  }

  /** As after a restart: nothing survives but what was kept. */
  restart(): void {
    const kept = JSON.parse(JSON.stringify({ state: toSnapshot(this.state), outbox: this.outbox })) as { state: unknown; outbox: RolloutEffect[] };
    this.state = fromSnapshot(kept.state);
    this.outbox = kept.outbox;
  }

  /** Carries out one effect; a second time changes nothing. */
  carryOut(effect: RolloutEffect): void {
    if (effect.kind === 'command') {
      this.#obey(effect);
      return;
    }
    if (this.#carriedOut.has(effect.id)) return;
    this.#carriedOut.add(effect.id);
    if (effect.kind === 'audit') this.audit.push(effect.entry);
    if (effect.kind === 'notify') this.notes.push(effect.about);
  }

  deliver(): void {
    while (this.outbox.length > 0) {
      const effect = this.outbox[0];
      if (effect !== undefined) this.carryOut(effect);
      this.outbox.shift();
    }
  }

  report(deviceId: string, report: DeviceReport, attempt = this.device(deviceId).attempt): void {
    const device = this.devices.get(deviceId);
    if (device === undefined) throw new Error(`no device ${deviceId}`);
    this.put({ type: 'report', deviceId, sequence: ++device.reports, attempt, report });
  }

  #obey(command: Extract<RolloutEffect, { kind: 'command' }>): void {
    const device = this.devices.get(command.deviceId);
    if (device === undefined || command.sequence <= device.seen || !this.device(command.deviceId).online) return;
    device.seen = command.sequence;
    this.commands.push(command);
    const answers = device.behaviour.answer?.(command.command, command.attempt) ?? this.#best(device, command.command);
    for (const report of answers) this.report(command.deviceId, report, command.attempt);
  }

  #best(device: SimulatedDevice, command: string): DeviceReport[] {
    const { latencyMs = 20, serviceLatencyMs = 20 } = device.behaviour;
    switch (command) {
      case 'prepare':
        return [{ kind: 'downloading', bytesDone: 10 }, { kind: 'verifying' }, { kind: 'staged' }];
      case 'benchmark':
        return [{ kind: 'benchmarked', baseline: figures(40), candidate: figures(latencyMs) }];
      case 'swap':
        device.runs = NEW;
        device.swaps++;
        return [{ kind: 'confirming' }, { kind: 'running', digest: NEW }, ...(serviceLatencyMs === null ? [] : [{ kind: 'measured', measurements: figures(serviceLatencyMs) } as const])];
      case 'roll_back':
        device.runs = OLD;
        return [{ kind: 'running', digest: OLD }];
      default:
        return [];
    }
  }

  /** Ticks every `everyMs` until the rollout has ended or the time is over. */
  run(forMs: number, everyMs = MINUTE): this {
    for (const end = this.now + forMs; this.now < end; this.now += everyMs) {
      this.put({ type: 'tick' });
      this.deliver();
    }
    return this;
  }

  start(): this {
    this.put({ type: 'submit', by: 'ann' });
    return this;
  }
}
