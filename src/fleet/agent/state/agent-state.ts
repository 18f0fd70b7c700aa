/**
 * What the agent has written down, in one file that is replaced by one rename: numbers that only count up, the order it works on, and the reports that
 * the console has not yet taken. An order and the report on it change together, so no kill can tell something twice or forget it.
 */
import { z } from 'zod';
import { sha256Hex } from '../../../contract/records/artifact.ts';
import { deviceCommand, fleetMeasurements } from '../../../contract/records/rollout.ts';
import { fleetId } from '../../../contract/records/fleet.ts';
import { desiredValues, reportMessage } from '../../../contract/wire/messages.ts';

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The order that is being worked on, or was last. */
export const agentTask = z.strictObject({
  rolloutId: fleetId,
  attempt: count,
  artifact: z.string(),
  version: count,
  digest: sha256Hex,
  order: deviceCommand,
  /** By the console's clock. */
  startAtMs: z.number(),
  validUntilMs: z.number(),
  /** False: the order has been taken and is still to be begun. */
  begun: z.boolean(),
  measuring: z.strictObject({
    /** How often the measuring was begun. */
    starts: count,
    measured: z.strictObject({ baseline: fleetMeasurements, candidate: fleetMeasurements }).nullable(),
    /** The swap was ordered. */
    swap: z.boolean(),
  }),
  /** State of the installer that was reported last; null: none yet. */
  told: z.string().nullable(),
});

export const agentState = z.strictObject({
  format: z.literal(1),
  /** `births`: none at or below it is used again. The others: the last one used. */
  counters: z.strictObject({ births: count, reports: count, batches: count }),
  /** By rollout the highest sequence of a command that was taken; the newest last. */
  rollouts: z.array(z.strictObject({ id: fleetId, sequence: count })),
  /** Ids of commands that were taken; the newest last. */
  taken: z.array(z.string()),
  task: agentTask.nullable(),
  /** Not yet acknowledged, in order. */
  outbox: z.array(reportMessage),
  desired: z.strictObject({ version: count, values: desiredValues }),
  /** Rows of telemetry that were given up, since nobody took them for too long. */
  droppedRows: count,
});

export type AgentTask = z.infer<typeof agentTask>;
export type AgentState = z.infer<typeof agentState>;

export const NEW_AGENT: AgentState = {
  format: 1,
  counters: { births: 0, reports: 0, batches: 0 },
  rollouts: [],
  taken: [],
  task: null,
  outbox: [],
  desired: { version: 0, values: {} },
  droppedRows: 0,
};

/** Beyond these the oldest are forgotten; their commands have long run out. */
export const MAX_ROLLOUTS = 100;
export const MAX_TAKEN = 200;
