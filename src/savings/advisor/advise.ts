/** Ranks machines, recipes and placements by what it costs to carry a store's frames. Estimates, all of them (docs/hardware.md). */
import type { AdvisorNote, AdvisorOption } from '../../contract/records/advisor.ts';
import type { HardwareProfile } from '../../contract/records/hardware.ts';
import { costOf, intervalOf, type Cost, type Demand, type DeviceFigures, type Speed } from './cost.ts';
import { machineOf, type Machine } from './machine.ts';
import type { Network } from './network.ts';
import { floatRate, partsOf, placed, plansOf, rateOf, type Level, type Plan, type PlanQuestion } from './plans.ts';
import type { Placed } from './place.ts';

export interface Question extends Omit<PlanQuestion, 'enoughPerS'> {
  readonly profiles: readonly HardwareProfile[];
  readonly demand: Demand;
  /** Answers that take longer are no answers. */
  readonly maxLatencyMs?: number | undefined;
}

export interface Advice {
  readonly options: AdvisorOption[];
  readonly refused: { readonly profileId: string; readonly profileName: string; readonly notes: AdvisorNote[] }[];
}

const LEVELS: readonly Level[] = ['low', 'value', 'high'];
/** Of one profile; the others are told by none of them being better. */
const MOST_OPTIONS = 8;

/** One plan, or several that share the frames. */
interface Candidate {
  readonly plans: readonly Plan[];
  readonly placement: AdvisorOption['placement'];
}

export function advise(question: Question): Advice {
  const options: AdvisorOption[] = [];
  const refused: Advice['refused'] = [];
  for (const profile of question.profiles) {
    const machine = machineOf(profile, question.profiles);
    if (machine === undefined) continue;
    const { plans, refused: notes } = plansOf(machine, { ...question, enoughPerS: enoughPerS(profile, question) });
    if (plans.length === 0) refused.push({ profileId: profile.id, profileName: profile.name, notes: distinct(notes) });
    else {
      const found = optionsOf(machine, plans, question).map((option) => ({ ...option, notes: [...option.notes, ...distinct(notes)] }));
      options.push(...found);
      if (found.length === 0) refused.push({ profileId: profile.id, profileName: profile.name, notes: [{ code: 'too-slow', values: { limitMs: question.maxLatencyMs ?? 0 } }] });
    }
  }
  return { options: options.toSorted(byCost), refused };
}

/** Beyond it a second unit saves no device; where answers have to be quick, a cut may help all the same. */
function enoughPerS({ class: kind }: HardwareProfile, { demand, maxLatencyMs }: Question): number {
  const { framesPerS, headroom, stores } = demand;
  return maxLatencyMs === undefined ? (framesPerS * (sharedByStores(kind) ? stores : 1)) / headroom : Number.POSITIVE_INFINITY;
}

function sharedByStores(kind: HardwareProfile['class']): boolean {
  return kind === 'gpu-card';
}

function byCost(a: AdvisorOption, b: AdvisorOption): number {
  const cost = ({ costCnyPerYear }: AdvisorOption): number => costCnyPerYear?.value ?? Number.MAX_VALUE;
  return cost(a) - cost(b) || a.devices.value - b.devices.value || b.framesPerS.value - a.framesPerS.value || a.profileId.localeCompare(b.profileId);
}

function optionsOf(machine: Machine, plans: readonly Plan[], question: Question): AdvisorOption[] {
  const { network } = question;
  const rates = new Map(plans.map((plan) => [plan, rateOf(placed(network, plan))]));
  const rate = (plan: Plan): number => rates.get(plan) ?? 0;
  const single = Math.max(...plans.filter(({ placement }) => placement === 'one' || placement === 'fallback').map(rate));
  const float = floatRate(machine, { ...question, enoughPerS: 0 });
  const candidates: Candidate[] = [...plans.map((plan) => ({ plans: [plan], placement: plan.placement })), ...(single >= enoughPerS(machine.profile, question) ? [] : sharing(plans, rate))];
  const answers = candidates.map((candidate) => answer(machine, candidate, question, single, float)).filter(({ latencyMs }) => latencyMs.value <= (question.maxLatencyMs ?? Number.POSITIVE_INFINITY)).toSorted(byCost);
  const isPlain = ({ placement }: AdvisorOption): boolean => placement === 'one' || placement === 'fallback';
  const fewest = Math.min(...answers.filter(isPlain).map(({ devices }) => devices.value));
  // A second unit pays where it saves a device; else it is trouble for nothing.
  return answers.filter((option) => isPlain(option) || option.devices.value < fewest).slice(0, MOST_OPTIONS);
}

/** Whole frames on several units at once: for each unit its best plan, then every set of two or more that do not want the same unit. */
function sharing(plans: readonly Plan[], rate: (plan: Plan) => number): Candidate[] {
  const best = new Map<string, Plan>();
  for (const plan of plans) {
    const key = used(plan).join(' ');
    const known = best.get(key);
    if (known === undefined || rate(plan) > rate(known)) best.set(key, plan);
  }
  const sets: Plan[][] = [[]];
  for (const plan of best.values()) {
    const fitting = sets.filter((set) => set.length < 3 && set.every((other) => used(other).every((unit) => !used(plan).includes(unit))));
    sets.push(...fitting.map((set) => [...set, plan]));
  }
  return sets.filter((set) => set.length > 1).map((set) => ({ plans: set.toSorted((a, b) => rate(b) - rate(a)), placement: 'frames' }));
}

function used({ members, chosen }: Plan): string[] {
  return members.filter((_, index) => chosen.includes(index)).map(({ unit }) => unit.id);
}

function answer(machine: Machine, { plans, placement }: Candidate, { network, demand }: Question, single: number, float: number): AdvisorOption {
  const [main] = plans as [Plan, ...Plan[]];
  const { profile } = machine;
  const device: DeviceFigures = { idleW: machine.idleW, priceCny: machine.priceCny, shared: sharedByStores(profile.class) };
  const speeds = LEVELS.map((level) => speedOf(machine, network, plans, level));
  const costs = speeds.map((speed) => costOf(speed, device, demand));
  const of = (pick: (cost: Cost) => number | null) => intervalOf(costs.map(pick));
  const certain = (pick: (speed: Speed, cost: Cost) => number) => {
    const values = speeds.map((speed, index) => pick(speed, costs[index] as Cost));
    return { low: Math.min(...values), value: values[1] ?? Number.NaN, high: Math.max(...values) };
  };
  const times = plans.map((plan) => placed(network, plan));
  const perS = speeds[1]?.perS ?? 0;
  const slowest = slowestFactor(plans, times);
  const shares = times.map((time) => rateOf(time) / perS);
  return {
    estimate: true,
    profileId: profile.id,
    profileName: profile.name,
    class: profile.class,
    recipe: main.fit.form.recipe,
    runtime: main.fit.runtime.id,
    runtimeName: main.fit.runtime.name,
    computes: main.fit.computes,
    placement,
    parts: plans.flatMap((plan, index) => partsOf(network, plan, times[index] as Placed)),
    gain: placement === 'one' || placement === 'fallback' || single === 0 ? null : perS / single,
    latencyMs: certain(({ latencyS }) => latencyS * 1000),
    framesPerS: certain((_, { framesPerS }) => framesPerS),
    devices: certain((_, { devices }) => devices),
    joulesPerInference: intervalOf(speeds.map(({ joules }) => joules)),
    energyKWhPerYear: of(({ energyKWh }) => energyKWh),
    energyCnyPerYear: of(({ energyCny }) => energyCny),
    capexCnyPerYear: of(({ capexCny }) => capexCny),
    costCnyPerYear: of(({ totalCny }) => totalCny),
    speedup: float > 0 ? perS / float : null,
    calibration: { from: slowest.from, times: slowest.times, factor: slowest.interval },
    accuracy: null,
    notes: [
      ...plans.flatMap(({ notes }) => notes),
      ...(placement === 'frames' ? plans.map(({ fit, members }, index) => ({ code: 'frames-share', values: { unit: members[0]?.unit.name ?? '', share: shares[index] ?? 0, recipe: fit.form.recipe } })) : []),
      ...(device.shared && demand.stores > 1 ? [{ code: 'shared-by-stores', values: { stores: demand.stores } }] : []),
      ...(profile.host === null ? [] : [{ code: 'with-host', values: { host: machine.cpuProfileId } }]),
      ...(network.unknown > 0 ? [{ code: 'uncounted', values: { nodes: network.unknown } }] : []),
    ],
  };
}

function speedOf(machine: Machine, network: Network, plans: readonly Plan[], level: Level): Speed {
  const times = plans.map((plan) => placed(network, plan, level));
  const rates = times.map(rateOf);
  const perS = rates.reduce((sum, rate) => sum + rate, 0);
  let joules: number | null = 0;
  plans.forEach(({ members }, index) => {
    members.forEach(({ unit }, who) => {
      const busy = times[index]?.busyS[who] ?? 0;
      const watts = busy === 0 ? 0 : machine.activeW(unit);
      joules = joules === null || watts === null ? null : joules + (busy * watts * (rates[index] ?? 0)) / perS;
    });
  });
  return { latencyS: Math.max(...times.map(({ latencyS }) => latencyS)), perS, joules };
}

/** The factor that decides how fast it is. */
function slowestFactor(plans: readonly Plan[], times: readonly Placed[]) {
  const [plan, time] = [plans[0] as Plan, times[0] as Placed];
  const who = time.busyS.indexOf(Math.max(...time.busyS));
  return (plan.members[who] ?? (plan.members[0] as Plan['members'][number])).factor;
}

function distinct(notes: readonly AdvisorNote[]): AdvisorNote[] {
  return [...new Map(notes.map((note) => [JSON.stringify(note), note])).values()];
}
