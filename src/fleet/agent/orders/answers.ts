/** What the console is told: of an error, and of a state of the installer. The rules of the other side are in src/fleet/rollout/reports.ts. */
import type { EdgewiseError, ErrorCode } from '../../../base/errors.ts';
import type { DeviceReport } from '../../../contract/records/rollout.ts';
import type { InstallRecord } from '../install/install-record.ts';
import type { AgentTask } from '../state/agent-state.ts';

/** Another try with the same artifact cannot go better. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['BAD_DOCUMENT', 'UNTRUSTED_SIGNATURE', 'EXPIRED', 'OLD_VERSION', 'WRONG_DEVICE', 'RUNTIME_UNSUITABLE', 'NOT_FOUND']);
/** The candidate did harm when it ran. */
const CANDIDATE: ReadonlySet<ErrorCode> = new Set(['RUNTIME_ERROR', 'RUNTIME_CRASHED', 'RESOURCE_LIMIT', 'INTERRUPTED', 'GATE_NOT_MET']);

/** Of what kept an update from being offered to the installer. */
export function answerToRefusal(error: EdgewiseError): DeviceReport {
  if (error.code === 'SERVER_BUSY') {
    const asked = error.details?.['retryAfterMs'];
    return { kind: 'shed', retryAfterMs: typeof asked === 'number' ? Math.max(0, Math.round(asked)) : 0 };
  }
  return FINAL.has(error.code) ? { kind: 'refused', code: error.code } : { kind: 'fault', code: error.code, retry: true };
}

/**
 * @param running what the program that runs the model told; null: none runs
 * @returns null: the console need not know, or it was its own wish
 */
export function answerToState(task: AgentTask, record: InstallRecord, running: string | null): DeviceReport | null {
  if (task.order === 'roll_back') return answerToReturn(record, running);
  if (record.candidate?.manifestSha256 !== task.digest || task.order === 'discard') return null;
  switch (record.state) {
    case 'downloading':
      return { kind: 'downloading', bytesDone: 0 };
    case 'verifying':
    case 'staged':
    case 'confirming':
      return { kind: record.state };
    case 'succeeded':
      return { kind: 'running', digest: running ?? task.digest };
    case 'rolled_back':
      return { kind: 'rolled_back', code: record.failure?.code ?? 'INTERRUPTED' };
    case 'rejected':
      return faultOf(record);
    case 'idle':
    case 'benchmarking':
    case 'swapping':
    case 'rolling_back':
      return null;
  }
}

function answerToReturn(record: InstallRecord, running: string | null): DeviceReport | null {
  if (record.state !== 'rolled_back') return null;
  if (record.failure === null && running !== null) return { kind: 'running', digest: running };
  return record.failure?.code === 'NO_GOOD_SLOT' ? { kind: 'refused', code: 'NO_GOOD_SLOT' } : { kind: 'rolled_back', code: record.failure?.code ?? 'RUNTIME_ERROR' };
}

function faultOf({ failure }: InstallRecord): DeviceReport | null {
  const code = failure?.code ?? 'INTERNAL';
  return { kind: 'fault', code, retry: !CANDIDATE.has(code) };
}
