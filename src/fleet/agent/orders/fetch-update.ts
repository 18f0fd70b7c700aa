/** From an order to prepare to an offer that the installer may take: documents, their verification, and nothing installed that was not signed for this device. */
import { EdgewiseError, throwIfAborted } from '../../../base/errors.ts';
import { verifyUpdate, type AcceptedManifest, type DeviceFacts } from '../../artifact/verify.ts';
import type { AgentArtifacts, AgentClock } from '../ports.ts';
import type { AgentTask } from '../state/agent-state.ts';
import type { TrustStore } from '../state/trust-store.ts';

export interface FetchUpdatePorts {
  readonly artifacts: AgentArtifacts;
  readonly trust: TrustStore;
  readonly clock: AgentClock;
  readonly nonce: () => string;
  readonly facts: () => Promise<DeviceFacts>;
}

/** @throws why it is not taken: what `verifyUpdate` refuses, what the server's errors are, DISK_FULL, CANCELLED */
export async function fetchUpdate(ports: FetchUpdatePorts, task: AgentTask, signal: AbortSignal): Promise<AcceptedManifest> {
  const { artifacts, trust } = ports;
  const documents = await artifacts.documents(trust.current().root.version, task.digest, signal);
  // The clock of a device may be years off either way; the signed time is right, for this one question.
  const nonce = ports.nonce();
  const time = { document: await artifacts.time(nonce, signal), nonce };
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
