/** Between the console and the process of its simulated devices. */
import { z } from 'zod';
import { simulationTask } from '../../../fleet/agent/simulate/simulate-fleet.ts';

export const toSimulator = z.discriminatedUnion('type', [z.object({ type: z.literal('start'), task: simulationTask }), z.object({ type: z.literal('stop') })]);

const simulatorStatus = z.object({
  devices: z.number(),
  started: z.number(),
  connected: z.number(),
  running: z.record(z.string(), z.number()),
  waitingReports: z.number(),
  rssBytes: z.number(),
  cpuMs: z.number(),
});

export const fromSimulator = z.discriminatedUnion('type', [z.object({ type: z.literal('status'), status: simulatorStatus }), z.object({ type: z.literal('log'), line: z.string() })]);

export type ToSimulator = z.infer<typeof toSimulator>;
export type FromSimulator = z.infer<typeof fromSimulator>;
export type SimulatorStatus = z.infer<typeof simulatorStatus>;
