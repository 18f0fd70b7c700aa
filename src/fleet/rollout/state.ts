/** All that a rollout is. Times are milliseconds since 1970; deadlines are part of the state, so a restart loses no timer. */
import { EdgewiseError } from '../../base/errors.ts';
import { rolloutSnapshot, type DeviceReport, type RolloutEffect, type RolloutRecord, type RolloutSnapshot, type RolloutStore, type RolloutWave } from '../../contract/records/rollout.ts';
import { eachDevice, NO_DEVICES, withDevices, type DeviceMap } from './device-map.ts';

export interface RolloutState {
  readonly rollout: RolloutRecord;
  readonly waves: readonly RolloutWave[];
  readonly stores: ReadonlyMap<string, RolloutStore>;
  readonly devices: DeviceMap;
}

/** A device as the registry knows it when it is planned or joins. */
export interface Target {
  readonly deviceId: string;
  readonly storeId: string;
  readonly class: string;
  readonly online: boolean;
  /** What it runs; null: never heard. */
  readonly digest: string | null;
}

export type RolloutInput =
  | { readonly type: 'submit' | 'withdraw' | 'approve' | 'send_back' | 'stop' | 'roll_back'; readonly by: string; readonly note?: string }
  | { readonly type: 'pause'; readonly by: string; readonly note: string }
  /** `accept`: goes on although a gate said no; the wave passes in this person's name. */
  | { readonly type: 'resume'; readonly by: string; readonly accept: boolean; readonly note?: string }
  /**
   * Time goes on. `othersDown`: by store, devices outside of this rollout that do not serve now; a store left out has none. `busy`: devices that another
   * rollout has begun with: they wait until it is done with them.
   */
  | { readonly type: 'tick'; readonly othersDown?: Readonly<Record<string, number>>; readonly busy?: ReadonlySet<string> }
  | { readonly type: 'report'; readonly deviceId: string; readonly sequence: number; readonly attempt: number; readonly report: DeviceReport }
  | { readonly type: 'presence'; readonly deviceId: string; readonly online: boolean }
  /** A device begins to match the filter. */
  | { readonly type: 'joined'; readonly target: Target; readonly store: RolloutStore }
  /** A device leaves the fleet. */
  | { readonly type: 'removed'; readonly deviceId: string; readonly by: string };

export interface StepResult {
  readonly state: RolloutState;
  /** In the order in which they arose. To be kept together with the state before any of them is carried out. */
  readonly effects: readonly RolloutEffect[];
  /** What differs from the state before: what has to be written. */
  readonly changed: { readonly rollout: boolean; readonly waves: readonly number[]; readonly stores: readonly string[]; readonly devices: readonly string[] };
  /** Why the input made no difference, where it made none. */
  readonly ignored: string | null;
}

export function toSnapshot(state: RolloutState): RolloutSnapshot {
  return { rollout: state.rollout, waves: [...state.waves], stores: [...state.stores.values()], devices: [...eachDevice(state.devices)] };
}

/** @throws STORE_CORRUPT when it is not what `toSnapshot` wrote */
export function fromSnapshot(json: unknown): RolloutState {
  const parsed = rolloutSnapshot.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EdgewiseError('STORE_CORRUPT', `A kept rollout cannot be read: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}.`, { hint: 'Restore the database from a backup.' });
  }
  const { rollout, waves, stores, devices } = parsed.data;
  return { rollout, waves, stores: new Map(stores.map((store) => [store.id, store])), devices: withDevices(NO_DEVICES, devices) };
}
