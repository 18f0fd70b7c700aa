/** One step while it is being made: reads see its own changes, and nothing of the state before is touched. */
import type { AuditEntry, DeviceCommand, DeviceRollout, RolloutEffect, RolloutRecord, RolloutStore, RolloutWave } from '../../contract/records/rollout.ts';
import { eachDevice, getDevice, withDevices } from './device-map.ts';
import type { RolloutState, StepResult } from './state.ts';

export type Actor = AuditEntry['actor'];

export const ENGINE: Actor = { kind: 'engine', id: 'rollout' };

type NotifyAbout = Extract<RolloutEffect, { kind: 'notify' }>['about'];

export class Draft {
  readonly now: number;
  readonly random: () => number;
  rollout: RolloutRecord;
  ignored: string | null = null;
  readonly #before: RolloutState;
  readonly #devices = new Map<string, DeviceRollout>();
  readonly #waves = new Map<number, RolloutWave>();
  readonly #stores = new Map<string, RolloutStore>();
  readonly #effects: RolloutEffect[] = [];

  constructor(state: RolloutState, now: number, random: () => number) {
    this.#before = state;
    this.rollout = state.rollout;
    this.now = now;
    this.random = random;
  }

  device(id: string): DeviceRollout | undefined {
    return this.#devices.get(id) ?? getDevice(this.#before.devices, id);
  }

  *devices(): Generator<DeviceRollout> {
    for (const device of eachDevice(this.#before.devices)) yield this.#devices.get(device.deviceId) ?? device;
    for (const device of this.#devices.values()) if (getDevice(this.#before.devices, device.deviceId) === undefined) yield device;
  }

  setDevice(device: DeviceRollout): DeviceRollout {
    this.#devices.set(device.deviceId, device);
    return device;
  }

  get waves(): RolloutWave[] {
    return this.#before.waves.map((wave) => this.#waves.get(wave.index) ?? wave);
  }

  setWave(wave: RolloutWave): RolloutWave {
    this.#waves.set(wave.index, wave);
    return wave;
  }

  store(id: string): RolloutStore | undefined {
    return this.#stores.get(id) ?? this.#before.stores.get(id);
  }

  setStore(store: RolloutStore): void {
    this.#stores.set(store.id, store);
  }

  /** Counts up the device's own effects, so that ids are the same however the rest of the rollout goes. */
  command(deviceId: string, command: DeviceCommand, validUntilMs: number, delayMs = 0): void {
    const device = this.device(deviceId);
    if (device === undefined) return;
    const sequence = device.effects + 1;
    this.setDevice({ ...device, effects: sequence });
    this.#effects.push({ kind: 'command', id: `${this.rollout.id}:${deviceId}:${sequence}`, deviceId, command, sequence, attempt: device.attempt, delayMs, validUntilMs });
  }

  audit(actor: Actor, subject: AuditEntry['subject'], event: string, from: string, to: string, note: string): void {
    const entry: AuditEntry = { atMs: this.now, actor, rolloutId: this.rollout.id, subject, event, from, to, note };
    const device = subject.kind === 'device' ? this.device(subject.id) : undefined;
    if (device === undefined) {
      this.#effects.push({ kind: 'audit', id: this.#nextId(), entry });
      return;
    }
    this.setDevice({ ...device, effects: device.effects + 1 });
    this.#effects.push({ kind: 'audit', id: `${this.rollout.id}:${device.deviceId}:${device.effects + 1}`, entry });
  }

  notify(about: NotifyAbout, note: string): void {
    this.#effects.push({ kind: 'notify', id: this.#nextId(), about, note });
  }

  wake(atMs: number): void {
    this.#effects.push({ kind: 'wake', id: `${this.rollout.id}:wake:${atMs}`, atMs });
  }

  finish(): StepResult {
    const before = this.#before;
    const changed = { rollout: this.rollout !== before.rollout, waves: [...this.#waves.keys()], stores: [...this.#stores.keys()], devices: [...this.#devices.keys()] };
    const state: RolloutState = {
      rollout: this.rollout,
      waves: changed.waves.length === 0 ? before.waves : this.waves,
      stores: changed.stores.length === 0 ? before.stores : new Map([...before.stores, ...this.#stores]),
      devices: withDevices(before.devices, this.#devices.values()),
    };
    return { state, effects: this.#effects, changed, ignored: this.ignored };
  }

  #nextId(): string {
    this.rollout = { ...this.rollout, effects: this.rollout.effects + 1 };
    return `${this.rollout.id}::${this.rollout.effects}`;
  }
}
