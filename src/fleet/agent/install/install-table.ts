/**
 * How a device gets from one model to the next: every pair of state and event is decided here, and nowhere else.
 *
 * A state that is on the disk has its effect still to do (or done, and the device died before it could say so): effects are made so that
 * doing them again is right. Up to `swapping` the model that runs is untouched; from `confirming` on the way back is `rolling_back`.
 */
export const INSTALL_STATES = ['idle', 'downloading', 'verifying', 'staged', 'benchmarking', 'swapping', 'confirming', 'succeeded', 'rolling_back', 'rolled_back', 'rejected'] as const;
export type InstallState = (typeof INSTALL_STATES)[number];

export const INSTALL_EVENTS = [
  /** A manifest was accepted and is to be installed. */
  'offered',
  'downloaded',
  /** The inactive slot holds exactly the signed files. */
  'verified',
  /** A difference did not give the file: fetch whole files instead. */
  'delta_failed',
  /** The window is open. */
  'proceed',
  /** The candidate is good enough on this device. */
  'passed',
  'swapped',
  /** The new slot itself reported its digest. */
  'healthy',
  'failed',
  /** The good slot is the active one again. */
  'restored',
  'cancelled',
  /** Nobody decided in time what was measured: the candidate stays, and is measured anew when it is wanted. */
  'postponed',
  /** Somebody wants the version before, which still lies confirmed in the other slot. */
  'roll_back',
] as const;
export type InstallEvent = (typeof INSTALL_EVENTS)[number];

/** null: the event does not count in this state; for an order from outside that is a refusal. */
type Row = Readonly<Record<InstallEvent, InstallState | null>>;

const NOTHING: Row = {
  offered: null,
  downloaded: null,
  verified: null,
  delta_failed: null,
  proceed: null,
  passed: null,
  swapped: null,
  healthy: null,
  failed: null,
  restored: null,
  cancelled: null,
  postponed: null,
  roll_back: null,
};
/** At rest: a new offer starts over, anything else is late. */
const AT_REST: Row = { ...NOTHING, offered: 'downloading', roll_back: 'rolling_back' };
/** At work beside the running model: may fail, be called off, or be overtaken by a newer offer. */
const PREPARING: Row = { ...NOTHING, offered: 'downloading', failed: 'rejected', cancelled: 'idle' };

export const INSTALL_TABLE: Readonly<Record<InstallState, Row>> = {
  idle: AT_REST,
  downloading: { ...PREPARING, downloaded: 'verifying' },
  verifying: { ...PREPARING, verified: 'staged', delta_failed: 'downloading' },
  staged: { ...PREPARING, proceed: 'benchmarking' },
  benchmarking: { ...PREPARING, passed: 'swapping', postponed: 'staged' },
  // From here to the end of confirming a newer offer waits: the way back must stay one step.
  swapping: { ...NOTHING, swapped: 'confirming', failed: 'rejected' },
  confirming: { ...NOTHING, healthy: 'succeeded', failed: 'rolling_back', cancelled: 'rolling_back' },
  succeeded: AT_REST,
  rolling_back: { ...NOTHING, restored: 'rolled_back' },
  // The other slot holds what it was told to leave: back would be forward.
  rolled_back: { ...AT_REST, roll_back: null },
  rejected: AT_REST,
};
