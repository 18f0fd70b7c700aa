/** Measured times, held against the roofline: what calibration rests on. */
import mobileNetV2 from '../../../resources/hardware/networks/mobilenet-v2.json' with { type: 'json' };
import resNet50 from '../../../resources/hardware/networks/resnet-50.json' with { type: 'json' };
import type { ComputeType, HardwareProfile } from '../../contract/records/hardware.ts';
import type { Recipe } from '../../contract/records/recipe.ts';
import type { Observation } from './calibrate.ts';
import { machineOf, type Machine } from './machine.ts';
import type { Network } from './network.ts';
import { placement, type Station } from './place.ts';
import { fitOf, formOf, type RecipeFit } from './recipe-form.ts';

/** Networks that published times are for, simplified. */
export const publishedNetworks: ReadonlyMap<string, Network> = new Map([mobileNetV2, resNet50].map((json) => [json.id, json as Network]));

/** Stands for whatever made the file: a layer is computed with the type that was asked for. */
const PLAIN: Readonly<Record<ComputeType, Recipe>> = {
  fp32: { version: 1, name: 'fp32', steps: [{ step: 'simplify' }] },
  fp16: { version: 1, name: 'fp16', steps: [{ step: 'fp16-weights' }] },
  int8: { version: 1, name: 'int8', steps: [{ step: 'quantize-static-int8' }] },
  int4: { version: 1, name: 'int4', steps: [{ step: 'quantize-int4-blocks' }] },
};

export interface Timed {
  readonly unit: string;
  readonly computes: ComputeType;
  readonly network: Network;
  /** Model that the network is of, or was made from. */
  readonly of: string;
  /** One inference alone, or `perS` with work always waiting. */
  readonly ms: number | null;
  readonly perS: number | null;
  readonly threads?: number | undefined;
}

/** Seconds by the roofline alone. @returns undefined where the unit does not compute with that type */
export function rooflineS(machine: Machine, { unit: id, computes, network, ms, threads }: Omit<Timed, 'of'>): number | undefined {
  const unit = id === 'cpu' ? machine.cpu : machine.profile.units.find((one) => one.id === id);
  if (unit === undefined) return undefined;
  const runtime = unit === machine.cpu ? machine.cpuRuntime : machine.profile.runtimes.find(({ units, computes: types }) => units.includes(id) && types.includes(computes));
  if (runtime === undefined) return undefined;
  const form = formOf(PLAIN[computes]);
  const fit: RecipeFit = fitOf(form, runtime).fit?.computes === computes ? (fitOf(form, runtime).fit as RecipeFit) : { form, runtime, computes, made: 'file', notes: [] };
  const station: Station = { unit, runtime: unit === machine.cpu ? null : runtime, fit, factor: 1, ...(threads === undefined ? {} : { threads }) };
  const plan = placement(network, unit === machine.cpu ? [station] : [station, { unit: machine.cpu, runtime: null, fit: null, factor: 1 }]);
  const placed = plan.evaluate(plan.preferred());
  const seconds = ms === null ? Math.max(...placed.busyS) : placed.latencyS;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

/** @returns undefined where there is no roofline to hold the time against */
export function observationOf(machine: Machine, timed: Timed, from: Observation['from']): Observation | undefined {
  const roofline = rooflineS(machine, timed);
  const unit = timed.unit === 'cpu' ? machine.cpu : machine.profile.units.find(({ id }) => id === timed.unit);
  if (roofline === undefined || unit === undefined) return undefined;
  const seconds = timed.ms === null ? 1 / (timed.perS ?? Number.NaN) : timed.ms / 1000;
  const profileId = unit === machine.cpu ? machine.cpuProfileId : machine.profile.id;
  return { profileId, unit: timed.unit, kind: unit.kind, computes: timed.computes, network: timed.of, ratio: seconds / roofline, from };
}

export function publishedObservations(profiles: readonly HardwareProfile[]): Observation[] {
  return profiles.flatMap((profile) => {
    const machine = machineOf(profile, profiles);
    return machine === undefined ? [] : profile.published.flatMap(({ network: name, unit, computes, ms, perS }) => {
      const network = publishedNetworks.get(name);
      return network ? (observationOf(machine, { unit, computes, network, of: name, ms, perS }, 'published') ?? []) : [];
    });
  });
}
