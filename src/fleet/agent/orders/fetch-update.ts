/** From an order to prepare to an offer that the installer may take: documents, their verification, and nothing installed that was not signed for this device. */
import { EdgewiseError, throwIfAborted, type ErrorCode } from '../../../base/errors.ts';
import { verifyUpdate, type AcceptedManifest, type DeviceFacts } from '../../artifact/verify.ts';
import { pauseBeforeRetry, type DownloadPolicy } from '../install/download.ts';
import type { AgentArtifacts, AgentClock } from '../ports.ts';
import type { AgentTask } from '../state/agent-state.ts';
import type { TrustStore } from '../state/trust-store.ts';

export interface FetchUpdatePorts {
  readonly artifacts: AgentArtifacts;
  readonly trust: TrustStore;
  readonly clock: AgentClock;
  readonly nonce: () => string;
  readonly facts: () => Promise<DeviceFacts>;
  /** 0 to 1; spreads the retries of many devices. */
  readonly random: () => number;
  readonly retry: Pick<DownloadPolicy, 'attempts' | 'delayMs' | 'maxDelayMs'>;
}

/** A server at which half the fleet knocks in the same second turns connections away; that is no reason to fail an update. */
const OF_THE_LINE: ReadonlySet<ErrorCode> = new Set(['DOWNLOAD_FAILED', 'DOWNLOAD_SLOW']);

/** @throws why it is not taken: what `verifyUpdate` refuses, what the server's errors are, DISK_FULL, CANCELLED */
export async function fetchUpdate(ports: FetchUpdatePorts, task: AgentTask, signal: AbortSignal): Promise<AcceptedManifest> {
  const { artifacts, trust } = ports;
  const documents = await insist(ports, signal, () => artifacts.documents(trust.current().root.version, task.digest, signal));
  // The clock of a device may be years off either way; the signed time is right, for this one question.
  const time = await insist(ports, signal, async () => {
    const nonce = ports.nonce();
    return { document: await artifacts.time(nonce, signal), nonce };
  });
  throwIfAborted(signal);
  const { state, outcome } = verifyUpdate(trust.current(), { ...documents, time }, ports.clock.now(), await ports.facts(), { artifact: task.artifact, version: task.version });
  await trust.save(state);
  throwIfAborted(signal);
  if ('refused' in outcome) throw outcome.refused;
  if (outcome.accepted.sha256 !== task.digest) {
    throw new EdgewiseError('MIXED_DOCUMENTS', `${task.artifact} version ${task.version} was ordered as ${task.digest.slice(0, 12)} and is signed as ${outcome.accepted.sha256.slice(0, 12)}.`, { hint: 'Make the rollout again from the artifact as it is published now.' });
  }
  return outcome.accepted;
}

/** @throws the last failure, once as many in a row as the policy allows were of the line; any other at once */
async function insist<T>(ports: FetchUpdatePorts, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EdgewiseError) || !OF_THE_LINE.has(error.code) || tries >= ports.retry.attempts) throw error;
      await pauseBeforeRetry(ports, ports.retry, error, tries, signal);
    }
  }
}
