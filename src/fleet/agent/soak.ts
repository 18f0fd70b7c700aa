/** What a new model measures in service after its swap: the console judges it against the baseline of the benchmark, until the wave has soaked. */
import type { FleetMeasurements } from '../../contract/records/rollout.ts';
import type { InstalledModel } from './install/installer.ts';
import type { ModelService } from './model/model-service.ts';
import type { AgentSensors, EnergyMeter } from './ports.ts';
import type { Accuracy } from './telemetry.ts';

export interface Soak {
  /** Begins for a model that has just been confirmed, or is found in service; measures its accuracy once. */
  begin(model: InstalledModel): void;
  /** What is known by now; null: nothing to tell, or it has been told often enough. */
  figures(): FleetMeasurements | null;
  /** Once, when it has been measured. */
  takeAccuracy(): Accuracy | null;
  readonly digest: string | null;
}

/** Fewer say nothing. */
const LEAST_INFERENCES = 20;
const MOST_NOTES = 60;

export function createSoak(service: ModelService, sensors: AgentSensors, energy: EnergyMeter | null, log: (line: string) => void): Soak {
  let digest: string | null = null;
  let notes = 0;
  let heat: number[] = [];
  let accuracy: Accuracy | null = null;
  let untold: Accuracy | null = null;
  let power = { joules: null as number | null, serviceMs: 0 };

  async function check(model: InstalledModel, own: string): Promise<void> {
    await service.pause();
    try {
      const found = (await service.loaded()?.check(model)) ?? null;
      if (digest === own) accuracy = untold = found;
    } catch (error) {
      log(`accuracy was not measured: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      service.resume();
    }
  }

  return {
    begin(model) {
      digest = model.record.manifestSha256;
      notes = 0;
      heat = [];
      accuracy = untold = null;
      power = { joules: energy?.read(service.busyMs()) ?? null, serviceMs: service.sinceStart()?.durationMs ?? 0 };
      void check(model, digest);
    },
    figures() {
      const seen = service.sinceStart();
      if (seen === null || seen.digest !== digest || notes >= MOST_NOTES || seen.figures.inferences < LEAST_INFERENCES) return null;
      const temperature = sensors.temperatureC();
      if (temperature !== null) heat.push(temperature);
      const joules = energy?.read(service.busyMs()) ?? null;
      const ms = seen.durationMs - power.serviceMs;
      const samples = seen.figures.inferences;
      const p95 = seen.figures.quantile(0.95);
      notes++;
      return {
        ...(p95 === null ? {} : { latencyP95Ms: { value: p95, samples } }),
        ...(accuracy === null ? {} : { accuracy }),
        ...(joules === null || power.joules === null || ms <= 0 ? {} : { powerW: { value: ((joules - power.joules) * 1000) / ms, samples } }),
        ...(heat.length === 0 ? {} : { temperatureC: { value: heat.reduce((sum, each) => sum + each, 0) / heat.length, samples } }),
      };
    },
    takeAccuracy() {
      const told = untold;
      untold = null;
      return told;
    },
    get digest() {
      return digest;
    },
  };
}
