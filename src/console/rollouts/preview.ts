/** Whom a rollout would touch and what could go wrong, before anything is written: from what is registered, published and measured now. */
import type { ManifestDocument } from '../../contract/records/artifact.ts';
import type { DeviceRow } from '../../contract/records/fleet.ts';
import type { RolloutDraft, RolloutRisk } from '../../contract/rpc/rollout-routes.ts';
import { nextOpening } from '../../fleet/rollout/windows.ts';
import { planRollout, type RolloutPlan } from '../../fleet/rollout/plan.ts';
import type { FleetRegistry } from '../fleet/registry/registry.ts';
import type { RolloutService } from './rollout-service.ts';

type Variant = ManifestDocument['variants'][number];

const DAY_MS = 86_400_000;
/** A window that does not open within this is no window. */
const WINDOW_DAYS = 8;
/** A download that takes longer than this on the store's line is worth a word. */
const SLOW_MS = 2 * 3_600_000;

export interface Preview {
  readonly plan: RolloutPlan | null;
  readonly risks: readonly RolloutRisk[];
  readonly downloadBytes: number;
}

export function previewRollout(
  draft: RolloutDraft,
  published: { readonly digest: string; readonly manifest: ManifestDocument },
  services: { readonly registry: FleetRegistry; readonly rollouts: Pick<RolloutService, 'targets' | 'busy'>; readonly now: number; readonly random: () => number },
): Preview {
  const { registry, rollouts, now } = services;
  const { policy } = draft;
  const { manifest, digest } = published;
  const { targets, stores } = rollouts.targets(draft.filter);
  const risks: RolloutRisk[] = [];
  const risk = (code: RolloutRisk['code'], level: RolloutRisk['level'], text: string, devices: readonly DeviceRow[]): void => void risks.push({ code, level, text, deviceIds: devices.map(({ id }) => id) });
  const rows = targets.flatMap(({ deviceId }) => registry.row(deviceId) ?? []);
  const about = (devices: readonly DeviceRow[]): string => `${devices.length} device${devices.length === 1 ? '' : 's'}`;
  const each = (code: RolloutRisk['code'], level: RolloutRisk['level'], bad: (row: DeviceRow) => boolean, text: string): void => {
    const found = rows.filter(bad);
    if (found.length > 0) risk(code, level, `${about(found)} ${text}`, found);
  };

  if (rows.length === 0) risk('no_target', 'stop', 'No accepted device matches the filter.', []);
  each('offline', 'note', (row) => row.presence !== 'online', 'cannot be reached now; they pick it up when they come back.');
  each('wrong_workload', 'warn', (row) => row.workload !== manifest.workload, `do another work than ${manifest.workload} and will refuse it.`);
  const suits = (row: DeviceRow) => ({ hardware, deviceClasses }: Variant): boolean => hardware === row.hardware && (deviceClasses.length === 0 || deviceClasses.includes(row.class));
  const fits = (row: DeviceRow): boolean => row.hardware === null || manifest.variants.some(suits(row));
  each('no_variant', rows.some(fits) ? 'warn' : 'stop', (row) => !fits(row), 'have hardware or a class that this version has no variant for.');
  each('already_installed', 'note', (row) => row.digest === digest, 'run it already.');
  const busy = rollouts.busy();
  each('in_other_rollout', 'warn', (row) => busy.has(row.id), 'are in the hands of another rollout; they wait until it is done with them.');
  if (policy.gates.length > 0) each('no_baseline', 'note', (row) => row.digest !== digest && (row.digest === null || row.latencyP95Ms === null), 'run nothing yet, or have told no measured speed of it since the console started: whether there is something to hold the new version against is not known.');
  else risk('no_gate', 'warn', 'Nothing is measured before the swap: only failures can stop it.', []);

  const small = stores.filter((store) => store.devices <= policy.store.minServing);
  if (small.length > 0) {
    const waits = policy.store.smallStores === 'wait';
    const inside = rows.filter((row) => small.some((store) => store.id === row.storeId));
    risk('store_minimum', waits ? 'warn' : 'note', `${small.length} store${small.length === 1 ? ' has' : 's have'} no device to spare; theirs ${waits ? 'will wait' : 'are updated one at a time'}.`, inside);
  }
  const shut = stores.filter((store) => {
    const place = { timeZone: store.timeZone, openingHours: store.openingHours };
    return [policy.download, policy.update].some((schedule) => (nextOpening(schedule, place, now) ?? Number.POSITIVE_INFINITY) > now + WINDOW_DAYS * DAY_MS);
  });
  if (shut.length > 0) risk('no_window', 'warn', `In ${shut.length} store${shut.length === 1 ? '' : 's'} no window opens in the next ${WINDOW_DAYS} days.`, rows.filter((row) => shut.some((store) => store.id === row.storeId)));
  if (Date.parse(manifest.expiresAt) < now + policy.tailMs + DAY_MS) risk('manifest_expires', 'warn', `The artifact can be installed until ${manifest.expiresAt} only; devices that come later refuse it.`, []);

  const variantOf = (row: DeviceRow): Variant | undefined => manifest.variants.find(suits(row)) ?? manifest.variants[0];
  const bytesOf = (row: DeviceRow): number => {
    if (row.digest === digest) return 0;
    return (variantOf(row)?.files ?? []).reduce((sum, file) => sum + Math.min(...file.sources.filter(({ form }) => form !== 'zstd-delta').map(({ blob }) => blob.length)), 0);
  };
  // The download stays until the new slot has been made from it, and the slot that runs stays too.
  const full = rows.filter((row) => {
    const free = registry.inventory(row.id)?.freeDiskBytes;
    const unpacked = (variantOf(row)?.files ?? []).reduce((sum, file) => sum + file.length, 0);
    return free !== undefined && row.digest !== digest && bytesOf(row) + unpacked > free;
  });
  if (full.length > 0) risk('disk', 'warn', `${about(full)} had less free disk than the download and the new slot take when they last told; what the slot before leaves free is not counted.`, full);
  const slow = rows.filter((row) => {
    const line = registry.store(row.storeId)?.linkKbitPerS ?? null;
    return line !== null && (bytesOf(row) * 8) / line > SLOW_MS;
  });
  if (slow.length > 0) risk('slow_link', 'note', `${about(slow)} take over two hours to download on the line of their store.`, slow);

  return { plan: targets.length === 0 ? null : planRollout(policy, digest, targets, stores, services.random), risks, downloadBytes: rows.reduce((sum, row) => sum + bytesOf(row), 0) };
}
