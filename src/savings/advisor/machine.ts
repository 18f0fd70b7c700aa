/** A profile as a whole machine: a card with its host's processor, power and price. */
import type { ComputeUnit, HardwareProfile, HardwareRuntime } from '../../contract/records/hardware.ts';

export interface Machine {
  readonly profile: HardwareProfile;
  /** Profile that the processor belongs to: its own, or the host's. */
  readonly cpuProfileId: string;
  readonly cpu: ComputeUnit;
  readonly cpuRuntime: HardwareRuntime | undefined;
  readonly idleW: number | null;
  readonly priceCny: number | null;
  /** Watts above idle while a unit is busy; null: not known. */
  activeW(unit: ComputeUnit): number | null;
}

/** @returns undefined for a profile without a processor, its own or a host's */
export function machineOf(profile: HardwareProfile, profiles: readonly HardwareProfile[]): Machine | undefined {
  const host = profile.host === null ? undefined : profiles.find(({ id }) => id === profile.host);
  const box = host ?? profile;
  const cpu = box.units.find(({ id }) => id === 'cpu');
  if (cpu === undefined) return undefined;
  const add = (a: number | null, b: number | null | undefined): number | null => (a === null || b === null ? null : a + (b ?? 0));
  return {
    profile,
    cpuProfileId: box.id,
    cpu,
    cpuRuntime: box.runtimes.find(({ units }) => units.includes('cpu')),
    idleW: add(profile.idleW, host && host.idleW),
    priceCny: add(profile.price.cny, host && host.price.cny),
    activeW(unit) {
      if (unit.activeW !== null) return unit.activeW;
      const owner = unit === cpu ? box : profile;
      return owner.busyW === null || owner.idleW === null ? null : owner.busyW - owner.idleW;
    },
  };
}
