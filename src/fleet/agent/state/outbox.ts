/** Reports that wait until the console has stored them. None is ever given up; of two notes on the same progress the newer one stays. */
import type { DeviceReport } from '../../../contract/records/rollout.ts';
import type { ReportMessage } from '../../../contract/wire/messages.ts';
import type { AgentState } from './agent-state.ts';

/** Notes that tell how far something is: an older one says nothing that the newer one does not. */
const PROGRESS: ReadonlySet<DeviceReport['kind']> = new Set(['downloading', 'measured', 'shed']);

/** @param atMs the device's clock */
export function withReport(state: AgentState, about: { readonly rolloutId: string; readonly attempt: number }, report: DeviceReport, atMs: number): AgentState {
  const sequence = state.counters.reports + 1;
  const message: ReportMessage = { format: 1, sequence, rolloutId: about.rolloutId, attempt: about.attempt, atMs, report };
  const last = state.outbox.at(-1);
  const replaces = last !== undefined && last.rolloutId === about.rolloutId && last.report.kind === report.kind && PROGRESS.has(report.kind);
  return { ...state, counters: { ...state.counters, reports: sequence }, outbox: [...(replaces ? state.outbox.slice(0, -1) : state.outbox), message] };
}

export function withoutAcknowledged(state: AgentState, reports: number): AgentState {
  const outbox = state.outbox.filter((message) => message.sequence > reports);
  return outbox.length === state.outbox.length ? state : { ...state, outbox };
}

/**
 * The console has seen numbers that this device does not remember: it lost its state, or could not write while its disk was full. Reports that were
 * made since it started, and never sent, get numbers above them, or they would pass for old ones.
 * @param unsent the lowest number of a report that was made since the start
 */
export function renumbered(state: AgentState, seen: number, unsent: number): AgentState {
  if (seen < unsent) return state;
  let next = Math.max(seen, state.counters.reports);
  const outbox = state.outbox.map((message) => (message.sequence >= unsent ? { ...message, sequence: ++next } : message));
  return { ...state, counters: { ...state.counters, reports: next }, outbox };
}
