/**
 * Rollouts that live in the database. A step of the engine gives a state and effects; both are stored in one transaction, commands as the newest of
 * their device, before any is sent. What is sent twice is done once (its id, its sequence), and what is lost is sent again when the device is
 * born: so there is nothing to mark as done, and a console that dies anywhere goes on where it was.
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { DeviceRollout, DeviceReport, RolloutEffect, RolloutStore } from '../../contract/records/rollout.ts';
import type { AuditPage, RolloutAction, RolloutDraft, RolloutSummary } from '../../contract/rpc/rollout-routes.ts';
import type { CommandMessage, ReportMessage } from '../../contract/wire/messages.ts';
import { eachDevice, getDevice } from '../../fleet/rollout/device-map.ts';
import { DEVICE_TRAITS } from '../../fleet/rollout/device-table.ts';
import { checkRevision, editRollout, partsChanged } from '../../fleet/rollout/edit.ts';
import { draftRollout, planRollout, type RolloutPlan } from '../../fleet/rollout/plan.ts';
import { isLive } from '../../fleet/rollout/rollout-table.ts';
import { fromSnapshot, type RolloutInput, type RolloutState, type StepResult, type Target } from '../../fleet/rollout/state.ts';
import { step } from '../../fleet/rollout/step.ts';
import type { ArtifactService } from '../artifacts/artifact-service.ts';
import type { EventHub } from '../events.ts';
import type { RolloutEars } from '../fleet/live/conversation.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { Store } from '../store/open-store.ts';
import { auditCsv } from './audit-csv.ts';
import { createRolloutFeed } from './rollout-feed.ts';
import { summaryOf } from './summary.ts';

export interface RolloutServiceOptions {
  readonly store: Store;
  readonly registry: FleetRegistry;
  readonly artifacts: Pick<ArtifactService, 'manifest'>;
  readonly events: EventHub;
  /** Sends now, or never: it comes again at the next birth. */
  readonly send: (deviceId: string, message: CommandMessage) => void;
  readonly now: () => number;
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: (line: string) => void;
}

export interface RolloutService extends RolloutEars {
  list(): RolloutSummary[];
  /** @throws NOT_FOUND */
  get(id: string): RolloutSummary;
  devices(id: string): DeviceRollout[];
  /** @throws NOT_FOUND (the artifact), BAD_REQUEST (filter, no target) */
  create(draft: RolloutDraft, author: string): RolloutSummary;
  /** @throws NOT_FOUND, CONFLICT where the state does not allow it or the confirmation is wrong, FORBIDDEN for one's own approval */
  act(id: string, action: RolloutAction, by: string, note: string, confirm: string | null): RolloutSummary;
  /** @throws NOT_FOUND, BAD_REQUEST as `create`, CONFLICT where it is no draft or was changed after that revision */
  edit(id: string, revision: number, draft: RolloutDraft, by: string): RolloutSummary;
  audit(id: string, before: number | null, limit: number): AuditPage;
  /** In parts of so many entries that none holds up the console. */
  auditCsv(id: string, after: number | null): { readonly name: string; readonly text: string; readonly next: number | null };
  /** Devices that a filter would touch now, as the planner wants them. */
  targets(filter: string): { readonly targets: readonly Target[]; readonly stores: readonly RolloutStore[] };
  /** Name of a rollout; null: there is none. */
  nameOf(id: string): string | null;
  /** The rollout by which a device came to what it runs under this digest, the newest of them; null: none. */
  broughtBy(deviceId: string, digest: string): string | null;
  removed(deviceId: string, by: string): void;
  /** Devices that a rollout has begun with and not ended. */
  busy(): ReadonlySet<string>;
  close(): void;
}

const TICK_MS = 2000;
/** What comes in together is looked at together: a tick walks over every device. */
const SETTLE_MS = 150;
const CSV_PART = 5000;
const TYPED: ReadonlySet<RolloutAction> = new Set(['stop', 'roll_back', 'accept_and_resume']);

export function createRolloutService(options: RolloutServiceOptions): RolloutService {
  const { store, registry, artifacts, now, random } = options;
  const states = new Map<string, RolloutState>();
  const feed = createRolloutFeed(options.events, (state) => summaryOf(state, registry));
  let wakeAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  for (const id of store.rollouts.ids().toReversed()) {
    const state = fromSnapshot(store.rollouts.load(id));
    states.set(id, state);
    if (isLive(state.rollout.state)) for (const device of eachDevice(state.devices)) mark(id, device);
  }

  function mark(id: string, device: DeviceRollout): void {
    const { phase } = DEVICE_TRAITS[device.state];
    const current = registry.row(device.deviceId)?.rollout;
    if (phase === 'waiting' || phase === 'working' || current === null || current?.id === id) registry.setRollout(device.deviceId, { id, state: device.state });
  }

  const find = (id: string): RolloutState => {
    const state = states.get(id);
    if (state === undefined) throw new EdgewiseError('NOT_FOUND', `There is no rollout "${id}".`, { hint: 'Look at the list of rollouts.' });
    return state;
  };

  /** Writes what a step has changed. In a transaction of the caller's. */
  const keep = (id: string, result: StepResult): void => {
    const { state, changed, effects } = result;
    if (changed.rollout || changed.stores.length > 0) store.rollouts.saveRollout(state.rollout, [...state.stores.values()]);
    for (const index of changed.waves) store.rollouts.saveWave(id, state.waves[index] as RolloutState['waves'][number]);
    for (const deviceId of changed.devices) {
      const device = getDevice(state.devices, deviceId);
      if (device) store.rollouts.saveDevice(id, device);
    }
    for (const effect of effects) {
      if (effect.kind === 'audit') store.rollouts.addAudit(id, effect.id, effect.entry);
      else if (effect.kind === 'command') store.rollouts.setCommand({ rolloutId: id, deviceId: effect.deviceId, message: messageOf(state, effect) });
    }
    for (const deviceId of changed.devices) {
      const device = getDevice(state.devices, deviceId);
      // Nothing is asked of it any more; a discard is, and is the newest then.
      if (device && DEVICE_TRAITS[device.state].phase === 'waiting' && !effects.some((effect) => effect.kind === 'command' && effect.deviceId === deviceId)) store.rollouts.dropCommand(id, deviceId);
    }
  };

  /** Carries out what is stored. */
  const carryOut = (id: string, result: StepResult): void => {
    states.set(id, result.state);
    for (const effect of result.effects) {
      if (effect.kind === 'command') options.send(effect.deviceId, messageOf(result.state, effect));
      else if (effect.kind === 'wake') wake(effect.atMs);
      else if (effect.kind === 'notify') options.log(`rollout ${result.state.rollout.name}: ${effect.about}${effect.note === '' ? '' : `, ${effect.note}`}`);
    }
    const moved = result.changed.devices.flatMap((deviceId) => getDevice(result.state.devices, deviceId) ?? []);
    for (const device of moved) mark(id, device);
    if (result.changed.rollout || result.changed.waves.length > 0 || moved.length > 0) feed.changed(result.state, moved);
  };

  const apply = (id: string, input: RolloutInput): StepResult => {
    const result = step(find(id), input, now(), random);
    store.transaction(() => keep(id, result));
    carryOut(id, result);
    return result;
  };

  /** It follows its devices: it is under way, or begins by itself. */
  const follows = ({ rollout: { state } }: RolloutState): boolean => isLive(state) || state === 'scheduled';
  const live = (): [string, RolloutState][] => [...states].filter(([, state]) => follows(state));

  const tick = (): void => {
    for (const [id] of live()) {
      try {
        apply(id, { type: 'tick', othersDown: othersDown(id), busy: busyElsewhere(id) });
      } catch (error) {
        options.log(`fault in the rollout ${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  };

  /** Devices that another rollout has begun with and not ended: each is in one hand at a time, and a rollout that hangs holds up nobody it has not begun with. */
  const busyElsewhere = (id: string): ReadonlySet<string> => {
    const busy = new Set<string>();
    for (const [other, state] of live()) {
      if (other === id) continue;
      for (const device of eachDevice(state.devices)) {
        const { phase } = DEVICE_TRAITS[device.state];
        if (device.state !== 'queued' && (phase === 'waiting' || phase === 'working')) busy.add(device.deviceId);
      }
    }
    return busy;
  };

  /** By store, devices outside of this rollout that do not serve now. */
  const othersDown = (id: string): Readonly<Record<string, number>> => {
    const state = find(id);
    const down: Record<string, number> = {};
    for (const row of registry.rows()) {
      if (row.presence === 'online' || getDevice(state.devices, row.id) !== undefined) continue;
      down[row.storeId] = (down[row.storeId] ?? 0) + 1;
    }
    return down;
  };

  function wake(atMs: number): void {
    if (closed || atMs >= wakeAt) return;
    clearTimeout(timer);
    wakeAt = atMs;
    timer = setTimeout(() => {
      wakeAt = Number.POSITIVE_INFINITY;
      tick();
      if (live().length > 0) wake(now() + TICK_MS);
    }, Math.max(0, Math.min(atMs - now(), TICK_MS))).unref();
  }
  /** Takes over who is there now, where the rollout could not follow it: nobody was here, or it had not begun, or had ended. */
  const meet = (id: string): void => {
    const there = (deviceId: string): boolean => registry.row(deviceId)?.presence === 'online';
    const others = [...eachDevice(find(id).devices)].filter((device) => device.online !== there(device.deviceId));
    const results: StepResult[] = [];
    store.transaction(() => {
      let state = find(id);
      for (const { deviceId } of others) {
        const result = step(state, { type: 'presence', deviceId, online: there(deviceId) }, now(), random);
        keep(id, result);
        results.push(result);
        state = result.state;
      }
    });
    for (const result of results) carryOut(id, result);
  };
  // Who went away while nobody was here would count as serving: after a start nobody is there until he says so.
  for (const [id] of live()) meet(id);
  if (live().length > 0) wake(now());

  const targets = (filter: string): { targets: Target[]; stores: RolloutStore[] } => {
    const found = registry.match(filter);
    if ('problem' in found) throw new EdgewiseError('BAD_REQUEST', `The filter is wrong at character ${found.problem.at + 1}: ${found.problem.message}`, { details: { at: found.problem.at } });
    const rows = found.rows.filter((row) => row.credential === 'accepted');
    const devicesOf = new Map<string, number>();
    for (const row of registry.rows()) devicesOf.set(row.storeId, (devicesOf.get(row.storeId) ?? 0) + 1);
    const stores = [...new Set(rows.map((row) => row.storeId))].flatMap((id) => {
      const shop = registry.store(id);
      return shop ? [{ id, timeZone: shop.timeZone, openingHours: shop.openingHours, devices: devicesOf.get(id) ?? 1 }] : [];
    });
    return { targets: rows.map((row) => ({ deviceId: row.id, storeId: row.storeId, class: row.class, online: row.presence === 'online', digest: row.digest })), stores };
  };

  /** A device that matches a rollout under way: the policy says whether it comes along. */
  const join = (id: string, deviceId: string): void => {
    const row = registry.row(deviceId);
    const shop = row && registry.store(row.storeId);
    if (row === undefined || shop === undefined || row.credential !== 'accepted') return;
    const devices = registry.rows().filter(({ storeId }) => storeId === shop.id).length;
    apply(id, {
      type: 'joined',
      target: { deviceId, storeId: shop.id, class: row.class, online: row.presence === 'online', digest: row.digest },
      store: { id: shop.id, timeZone: shop.timeZone, openingHours: shop.openingHours, devices },
    });
  };

  const inputs = (deviceId: string): string[] => [...states].flatMap(([id, state]) => (getDevice(state.devices, deviceId) === undefined ? [] : [id]));

  return {
    list: () => [...states.values()].map((state) => summaryOf(state, registry)).toSorted((a, b) => b.rollout.createdAtMs - a.rollout.createdAtMs),
    get: (id) => summaryOf(find(id), registry),
    devices: (id) => [...eachDevice(find(id).devices)],
    nameOf: (id) => states.get(id)?.rollout.name ?? null,
    broughtBy: (deviceId, digest) => [...states.values()].findLast(({ rollout, devices }) => rollout.digest === digest && getDevice(devices, deviceId)?.state === 'succeeded')?.rollout.id ?? null,
    targets,
    create(draft, author) {
      const { digest, plan, targets: whom, stores } = planOf(draft);
      return begin(draftRollout({ id: options.newId(), author, digest, ...draft }, plan, whom, stores, now()), []);
    },
    edit(id, revision, draft, by) {
      const state = find(id);
      checkRevision(state, revision);
      if (partsChanged(state.rollout, draft).length === 0) return summaryOf(state, registry);
      const { digest, plan, targets: whom, stores } = planOf(draft);
      const edited = editRollout(state, { digest, ...draft }, plan, whom, stores, by, now());
      return begin(edited.state, edited.effects);
    },
    act(id, action, by, note, confirm) {
      const { rollout } = find(id);
      if (TYPED.has(action) && confirm !== rollout.name) throw new EdgewiseError('CONFLICT', 'The confirmation is not the name of the rollout.', { hint: `Type ${rollout.name} to confirm.` });
      meet(id);
      if (action === 'pause') apply(id, { type: 'pause', by, note });
      else if (action === 'resume' || action === 'accept_and_resume') apply(id, { type: 'resume', by, accept: action === 'accept_and_resume', note });
      else apply(id, { type: action, by, note });
      wake(now());
      return summaryOf(find(id), registry);
    },
    audit(id, before, limit) {
      find(id);
      // One more than is asked for tells whether there are more.
      const found = store.rollouts.auditBefore(id, before, limit + 1);
      const entries = found.slice(0, limit);
      return { entries, older: found.length > limit ? (entries.at(-1)?.sequence ?? null) : null, total: store.rollouts.auditCount(id) };
    },
    auditCsv(id, after) {
      const { rollout } = find(id);
      const entries = store.rollouts.auditAfter(id, after, CSV_PART);
      return { name: `${rollout.name} audit.csv`, text: auditCsv(entries, after === null), next: entries.length === CSV_PART ? (entries.at(-1)?.sequence ?? null) : null };
    },
    report(deviceId, message) {
      const told: [string, RolloutInput][] = inputsOf(message, deviceId);
      const results = told.map(([id, input]) => [id, step(find(id), input, now(), random)] as const);
      for (const [id, result] of results) keep(id, result);
      return () => {
        for (const [id, result] of results) carryOut(id, result);
        noteRunning(deviceId, message.report);
        if (results.some(([, { ignored }]) => ignored === null)) wake(now() + SETTLE_MS);
      };
    },
    born(deviceId) {
      for (const [id, state] of live()) if (getDevice(state.devices, deviceId) === undefined && registry.holds(state.rollout.filter, deviceId)) join(id, deviceId);
      for (const id of inputs(deviceId)) if (follows(find(id))) apply(id, { type: 'presence', deviceId, online: true });
      for (const { message } of store.rollouts.commandsOf(deviceId)) if (message.validUntilMs > now()) options.send(deviceId, message);
      wake(now() + SETTLE_MS);
    },
    presence(deviceId, online) {
      for (const id of inputs(deviceId)) if (follows(find(id))) apply(id, { type: 'presence', deviceId, online });
    },
    busy: () => busyElsewhere(''),
    removed(deviceId, by) {
      for (const id of inputs(deviceId)) apply(id, { type: 'removed', deviceId, by });
    },
    close() {
      closed = true;
      clearTimeout(timer);
      feed.close();
    },
  };

  /** Whom a draft would touch now, and in which order. */
  function planOf(draft: RolloutDraft): { digest: string; plan: RolloutPlan; targets: readonly Target[]; stores: readonly RolloutStore[] } {
    const published = artifacts.manifest(draft.artifact, draft.version);
    if (published === null) throw new EdgewiseError('NOT_FOUND', `There is no published version ${draft.version} of ${draft.artifact}.`, { hint: 'Publish it first, or choose another version.' });
    const whom = targets(draft.filter);
    return { digest: published.digest, plan: planRollout(draft.policy, published.digest, whom.targets, whom.stores, random), ...whom };
  }

  /** Keeps a plan in place of what was there under its id. */
  function begin(state: RolloutState, effects: readonly RolloutEffect[]): RolloutSummary {
    const { id } = state.rollout;
    store.transaction(() => {
      store.rollouts.dropPlan(id);
      store.rollouts.saveRollout(state.rollout, [...state.stores.values()]);
      for (const wave of state.waves) store.rollouts.saveWave(id, wave);
      for (const device of eachDevice(state.devices)) store.rollouts.saveDevice(id, device);
      for (const effect of effects) if (effect.kind === 'audit') store.rollouts.addAudit(id, effect.id, effect.entry);
    });
    states.set(id, state);
    feed.changed(state, []);
    return summaryOf(state, registry);
  }

  /** A report is of one rollout; what a slot says that it runs counts for the others too. */
  function inputsOf(message: ReportMessage, deviceId: string): [string, RolloutInput][] {
    if (!states.has(message.rolloutId)) return [];
    return [[message.rolloutId, { type: 'report', deviceId, sequence: message.sequence, attempt: message.attempt, report: message.report }]];
  }

  function noteRunning(deviceId: string, report: DeviceReport): void {
    if (report.kind !== 'running') return;
    for (const { rollout } of states.values()) {
      if (rollout.digest === report.digest) return registry.runs(deviceId, { artifact: rollout.artifact, version: rollout.version, digest: rollout.digest });
    }
  }
}

function messageOf({ rollout }: RolloutState, effect: Extract<RolloutEffect, { kind: 'command' }>): Extract<CommandMessage, { kind: 'rollout' }> {
  const { id, command, sequence, attempt, delayMs, validUntilMs } = effect;
  return { format: 1, kind: 'rollout', id, rolloutId: rollout.id, command, sequence, attempt, delayMs, validUntilMs, artifact: rollout.artifact, version: rollout.version, digest: rollout.digest };
}
