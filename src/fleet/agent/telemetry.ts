/** Turns what was observed into rows, one an interval and model. A figure that this device cannot measure is null, never zero. */
import type { TelemetryRow } from '../../contract/records/telemetry.ts';
import type { ModelService, ServiceInterval } from './model/model-service.ts';
import type { AgentClock, AgentSensors, EnergyMeter } from './ports.ts';

export interface TelemetryPorts {
  readonly service: Pick<ModelService, 'takeIntervals' | 'busyMs'>;
  readonly sensors: AgentSensors;
  readonly energy: EnergyMeter | null;
  readonly clock: AgentClock;
}

export type Accuracy = NonNullable<TelemetryRow['accuracy']>;

export interface Telemetry {
  /** Rows on the time since the last call. @param accuracy of the model that runs, where it was measured meanwhile */
  take(accuracy: Accuracy | null): readonly TelemetryRow[];
}

const DAY_MS = 86_400_000;

export function createTelemetry({ service, sensors, energy, clock }: TelemetryPorts): Telemetry {
  let joules = energy?.read(service.busyMs()) ?? null;
  sensors.cpuShare();
  return {
    take(accuracy) {
      const intervals = service.takeIntervals();
      const before = joules;
      joules = energy?.read(service.busyMs()) ?? null;
      const spent = before === null || joules === null ? null : joules - before;
      const wholeMs = intervals.reduce((sum, each) => sum + each.durationMs, 0);
      const common = { cpuShare: unit(sensors.cpuShare()), temperatureC: sensors.temperatureC() };
      let end = clock.now();
      const rows: TelemetryRow[] = [];
      for (const [index, interval] of intervals.toReversed().entries()) {
        const share = spent === null ? null : (spent * interval.durationMs) / wholeMs;
        rows.unshift({ ...rowOf(interval, end), ...common, energy: energyOf(energy, share, interval.durationMs), accuracy: index === 0 ? accuracy : null });
        end -= interval.durationMs;
      }
      return rows;
    },
  };
}

function rowOf({ digest, durationMs, figures }: ServiceInterval, endMs: number): Omit<TelemetryRow, 'cpuShare' | 'temperatureC' | 'energy' | 'accuracy'> {
  return {
    fromMs: endMs - durationMs,
    durationMs: Math.min(DAY_MS, durationMs),
    digest,
    inferences: figures.inferences,
    errors: figures.errors,
    latencyP50Ms: figures.quantile(0.5),
    latencyP95Ms: figures.quantile(0.95),
    throughputPerS: (figures.inferences * 1000) / durationMs,
    busyShare: unit(figures.busyMs / durationMs) ?? 0,
  };
}

function energyOf(meter: EnergyMeter | null, totalJ: number | null, durationMs: number): TelemetryRow['energy'] {
  if (meter === null || totalJ === null || totalJ < 0) return null;
  return { totalJ, aboveIdleJ: meter.idleW === null ? null : totalJ - (meter.idleW * durationMs) / 1000, tier: meter.tier, source: meter.source.slice(0, 100) };
}

function unit(share: number | null): number | null {
  return share === null ? null : Math.min(1, Math.max(0, share));
}
