/**
 * Measures a candidate on the device against what runs there now: latency in turns A B B A on the workload's own input, so that heat and other work meet
 * both alike; accuracy of both on the candidate's check set; power and temperature over stretches at the workload's pace, A B B A again. The candidate
 * runs in a process of its own, so that one that dies takes nothing along.
 */
import { EdgewiseError, throwIfAborted } from '../../../base/errors.ts';
import type { FleetMeasurements } from '../../../contract/records/rollout.ts';
import type { InstalledModel } from '../install/installer.ts';
import type { AgentClock, AgentOptions, AgentSensors, AgentTimers, EnergyMeter, LoadedModel, ModelRuntime } from '../ports.ts';
import { quantileOf } from './figures.ts';
import type { ModelService } from './model-service.ts';

export interface BenchmarkPorts {
  readonly models: ModelRuntime;
  readonly service: Pick<ModelService, 'pause' | 'resume' | 'loaded' | 'pace'>;
  readonly sensors: AgentSensors;
  readonly energy: EnergyMeter | null;
  readonly clock: AgentClock;
  readonly timers: AgentTimers;
}

export interface BenchmarkResult {
  /** Nothing in it on a device that ran nothing. */
  readonly baseline: FleetMeasurements;
  readonly candidate: FleetMeasurements;
}

const WARM_UP_RUNS = 5;
const LEAST_RUNS = 20;

/** @throws WRONG_CONTENT, RUNTIME_ERROR, RUNTIME_CRASHED, RESOURCE_LIMIT, CANCELLED */
export async function measureCandidate(ports: BenchmarkPorts, options: AgentOptions['benchmark'], candidate: InstalledModel, active: InstalledModel | null, signal: AbortSignal): Promise<BenchmarkResult> {
  const opened: LoadedModel[] = [];
  await ports.service.pause();
  try {
    const open = async (model: InstalledModel): Promise<LoadedModel> => {
      throwIfAborted(signal);
      const loaded = await ports.models.load(model);
      opened.push(loaded);
      return loaded;
    };
    const inService = ports.service.loaded();
    const before = active === null ? null : inService?.digest === active.record.manifestSha256 ? inService : await open(active);
    const after = await open(candidate);
    if (after.digest !== candidate.record.manifestSha256) {
      throw new EdgewiseError('WRONG_CONTENT', 'The candidate that was loaded is not the one that was staged.', { hint: 'Install again. If it comes back, the disk of the device is failing.' });
    }
    const latency = await latencies(ports, options, before, after, signal);
    const accuracy = { before: (await before?.check(candidate, signal)) ?? null, after: await after.check(candidate, signal) };
    const stretches = await powerAndHeat(ports, options.stretchMs, before, after, signal);
    const side = (times: readonly number[], check: typeof accuracy.after, stretch: FleetMeasurements): FleetMeasurements => {
      const latencyP95Ms = quantileOf(times, 0.95);
      return { ...(latencyP95Ms === null ? {} : { latencyP95Ms: { value: latencyP95Ms, samples: times.length } }), ...(check === null ? {} : { accuracy: check }), ...stretch };
    };
    return { baseline: before === null ? {} : side(latency.before, accuracy.before, stretches.before), candidate: side(latency.after, accuracy.after, stretches.after) };
  } finally {
    for (const loaded of opened) await loaded.close();
    ports.service.resume();
  }
}

async function latencies(ports: BenchmarkPorts, { runs, maxMs }: AgentOptions['benchmark'], a: LoadedModel | null, b: LoadedModel, signal: AbortSignal): Promise<{ before: readonly number[]; after: readonly number[] }> {
  const before: number[] = [];
  const after: number[] = [];
  await a?.infer(WARM_UP_RUNS);
  await b.infer(WARM_UP_RUNS);
  const begun = ports.clock.elapsed();
  const enough = (): boolean => after.length >= runs || (after.length >= LEAST_RUNS && ports.clock.elapsed() - begun > maxMs);
  while (!enough()) {
    throwIfAborted(signal);
    if (a !== null) before.push(...(await a.infer(1)));
    after.push(...(await b.infer(1)), ...(await b.infer(1)));
    if (a !== null) before.push(...(await a.infer(1)));
  }
  return { before, after };
}

interface Stretch {
  joules: number | null;
  ms: number;
  heat: number[];
  runs: number;
}

async function powerAndHeat(ports: BenchmarkPorts, stretchMs: number, a: LoadedModel | null, b: LoadedModel, signal: AbortSignal): Promise<{ before: FleetMeasurements; after: FleetMeasurements }> {
  const sides = { before: empty(), after: empty() };
  if (stretchMs === 0 || (ports.energy === null && ports.sensors.temperatureC() === null)) return { before: {}, after: {} };
  // Busy time of the benchmark alone: the meter takes differences only.
  const busy = { ms: 0 };
  for (const [model, side] of [[a, sides.before], [b, sides.after], [b, sides.after], [a, sides.before]] as const) {
    if (model !== null) await stretch(ports, model, side, stretchMs, busy, signal);
  }
  return { before: figuresOf(sides.before), after: figuresOf(sides.after) };
}

function empty(): Stretch {
  return { joules: 0, ms: 0, heat: [], runs: 0 };
}

function figuresOf({ joules, ms, heat, runs }: Stretch): FleetMeasurements {
  return {
    ...(joules === null || ms === 0 || runs === 0 ? {} : { powerW: { value: (joules * 1000) / ms, samples: runs } }),
    ...(heat.length === 0 ? {} : { temperatureC: { value: heat.reduce((sum, each) => sum + each, 0) / heat.length, samples: runs } }),
  };
}

/** One model at the pace of the workload; as fast as it can where nothing is fed by itself. */
async function stretch(ports: BenchmarkPorts, model: LoadedModel, side: Stretch, ms: number, busy: { ms: number }, signal: AbortSignal): Promise<void> {
  const { clock, energy, sensors } = ports;
  const periodMs = ports.service.pace() > 0 ? 1000 / ports.service.pace() : 0;
  const begun = clock.elapsed();
  const before = energy?.read(busy.ms) ?? null;
  for (let due = begun; clock.elapsed() - begun < ms; due = Math.max(due + periodMs, clock.elapsed())) {
    throwIfAborted(signal);
    const waitMs = Math.min(due, begun + ms) - clock.elapsed();
    if (waitMs > 0) await new Promise<void>((resolve) => void ports.timers.after(waitMs, resolve));
    if (clock.elapsed() - begun >= ms) break;
    for (const each of await model.infer(1)) busy.ms += each;
    side.runs++;
  }
  const after = energy?.read(busy.ms) ?? null;
  side.joules = side.joules === null || before === null || after === null ? null : side.joules + after - before;
  side.ms += clock.elapsed() - begun;
  const heat = sensors.temperatureC();
  if (heat !== null) side.heat.push(heat);
}
