/** Time goes on: deadlines first, then what the rollout's state calls for. A tick that comes twice, or late, does no harm. */
import { DEVICE_TRAITS } from './device-table.ts';
import { ENGINE, type Draft } from './draft.ts';
import { moveDevice, moveRollout } from './moves.ts';
import { retriesLeft } from './reports.ts';
import { mayRunNew, startDownloads, startRollbacks, startSwaps } from './starts.ts';
import { cancelUntouched, judgeWaves } from './waves.ts';

export function tick(draft: Draft, othersDown: Readonly<Record<string, number>>, busy: ReadonlySet<string>): void {
  const startAt = draft.rollout.policy.startAtMs;
  if (draft.rollout.state === 'scheduled' && (startAt === null || startAt <= draft.now)) moveRollout(draft, 'start_due', ENGINE);
  deadlines(draft);
  if (draft.rollout.state === 'running') judgeWaves(draft);
  // What a guard decided just now takes effect in the same tick.
  switch (draft.rollout.state) {
    case 'running':
      startSwaps(draft, othersDown);
      startDownloads(draft, busy);
      break;
    case 'stopping':
      cancelUntouched(draft, 'rollout stopped');
      break;
    case 'rolling_back':
    case 'rolled_back':
      cancelUntouched(draft, 'rollout rolls back');
      startRollbacks(draft, othersDown);
      break;
    case 'draft':
    case 'awaiting_approval':
    case 'scheduled':
    case 'paused':
    case 'finished':
    case 'stopped':
  }
  drain(draft);
  wakeUp(draft);
  draft.ignored = null;
}

function deadlines(draft: Draft): void {
  for (const device of draft.devices()) {
    if (device.deadlineMs === null || device.deadlineMs > draft.now) continue;
    const swapped = device.state === 'swapping' || device.state === 'confirming';
    if (!device.online) moveDevice(draft, device.deviceId, 'deadline_offline', ENGINE, { reason: 'offline' });
    else if (swapped || !retriesLeft(draft, device)) moveDevice(draft, device.deviceId, 'deadline_final', ENGINE, { reason: `no word in time while ${device.state}` });
    else moveDevice(draft, device.deviceId, 'deadline_retry', ENGINE, { reason: `no word in time while ${device.state}` });
  }
}

function drain(draft: Draft): void {
  const { state } = draft.rollout;
  if (state !== 'stopping' && state !== 'rolling_back') return;
  for (const device of draft.devices()) {
    if (DEVICE_TRAITS[device.state].phase === 'working') return;
    if (state === 'rolling_back' && mayRunNew(device)) return;
  }
  moveRollout(draft, 'drained', ENGINE);
}

/** The next moment at which something is known to fall due. Windows, ramps and minimums ask for a tick now and then besides. */
function wakeUp(draft: Draft): void {
  const { rollout } = draft;
  let next = Infinity;
  const consider = (at: number | null): void => {
    if (at !== null && at > draft.now) next = Math.min(next, at);
  };
  if (rollout.state === 'scheduled') consider(rollout.policy.startAtMs);
  for (const device of draft.devices()) {
    consider(device.deadlineMs);
    if (rollout.state === 'running' && DEVICE_TRAITS[device.state].phase === 'waiting') consider(device.notBeforeMs);
  }
  if (rollout.state === 'running') {
    for (const wave of draft.waves) if (wave.state === 'soaking') consider(wave.soakUntilMs);
    if (rollout.tailSinceMs !== null) consider(rollout.tailSinceMs + rollout.policy.tailMs);
  }
  if (next !== Infinity) draft.wake(next);
}
