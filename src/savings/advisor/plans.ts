/** Every sensible way to run a network on one machine: which recipe, which units, and where it is cut. */
import type { AdvisorNote, AdvisorOption } from '../../contract/records/advisor.ts';
import type { ComputeUnit, HardwareRuntime } from '../../contract/records/hardware.ts';
import type { Calibration, Factor } from './calibrate.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { canCompute, placement, stationType, type Placed, type Station } from './place.ts';
import { FLOAT, fitOf, weightBytes, type RecipeFit, type RecipeForm } from './recipe-form.ts';

export interface Member {
  readonly unit: ComputeUnit;
  /** Null: the processor. */
  readonly runtime: HardwareRuntime | null;
  /** Null: in float, beside an accelerator. */
  readonly fit: RecipeFit | null;
  readonly factor: Factor;
}

export interface Plan {
  readonly placement: AdvisorOption['placement'];
  readonly fit: RecipeFit;
  /** The processor last. */
  readonly members: readonly Member[];
  /** Member of each layer. */
  readonly chosen: readonly number[];
  readonly notes: readonly AdvisorNote[];
}

export interface PlanSet {
  readonly plans: Plan[];
  readonly refused: AdvisorNote[];
}

export interface PlanQuestion {
  readonly network: Network;
  readonly forms: readonly RecipeForm[];
  /** What the network is known by in what was measured. */
  readonly networkOf: string;
  readonly calibration: Calibration;
  readonly opset: number | null;
  /** Frames a second that one device is wanted for at most; a cut that carries more saves nothing. */
  readonly enoughPerS: number;
}

export type Level = 'low' | 'value' | 'high';

/** A cut is worth its trouble where it carries so much more than the best without. */
const WORTH = 1.1;
/** Weights between two units that are tried; fewer for networks of very many layers. */
const WEIGHTS = 32;
const FEW_WEIGHTS = 8;
const MANY_LAYERS = 1000;
/** A recipe for matrix products alone is left out where these are a smaller share of the work. */
const LEAST_PRODUCTS = 0.2;

export function placed(network: Network, { members, chosen }: Pick<Plan, 'members' | 'chosen'>, level: Level = 'value'): Placed {
  return placement(network, stationsOf(members, level)).evaluate(chosen);
}

export function rateOf({ busyS }: Placed): number {
  return 1 / Math.max(...busyS);
}

function stationsOf(members: readonly Member[], level: Level): Station[] {
  return members.map(({ unit, runtime, fit, factor }) => ({ unit, runtime, fit, factor: factor.interval[level] }));
}

export function plansOf(machine: Machine, question: PlanQuestion): PlanSet {
  const { network, forms } = question;
  const plans: Plan[] = [];
  const refused: AdvisorNote[] = [];
  const productShare = network.layers.reduce((sum, { op, macs }) => sum + (op === 'MatMul' || op === 'Gemm' ? macs : 0), 0) / Math.max(1, network.macs);
  for (const runtime of machine.profile.runtimes) {
    const onCpu = runtime.units.includes('cpu');
    const unit = onCpu ? machine.cpu : machine.profile.units.find(({ id }) => runtime.units.includes(id));
    if (unit === undefined) continue;
    const problems = demands(runtime, question);
    if (problems.length > 0) {
      refused.push(...problems);
      continue;
    }
    const answers = forms.filter(({ kind }) => (kind !== 'dynamic' && kind !== 'blocks') || productShare >= LEAST_PRODUCTS).map((form) => fitOf(form, runtime));
    for (const { fit } of answers) {
      if (fit === null) continue;
      const bytes = network.layers.reduce((sum, layer) => sum + layer.weights * weightBytes(fit, layer), 0);
      if (unit.memoryBytes !== null && bytes > unit.memoryBytes) refused.push({ code: 'memory', values: { needs: bytes, has: unit.memoryBytes, unit: unit.name } });
      else plans.push(...(onCpu ? [alone(machine, question, fit)] : withProcessor(machine, question, unit, runtime, fit)));
    }
    if (answers.every(({ fit }) => fit === null)) refused.push(...answers.flatMap((answer) => answer.refused));
  }
  return { plans: plans.filter((plan) => Number.isFinite(rateOf(placed(network, plan)))), refused };
}

function demands(runtime: HardwareRuntime, { network, opset }: PlanQuestion): AdvisorNote[] {
  const notes: AdvisorNote[] = [];
  if (runtime.staticShapes && network.dynamic) notes.push({ code: 'dynamic-shapes', values: { runtime: runtime.name } });
  if (runtime.maxOpset !== null && opset !== null && opset > runtime.maxOpset) notes.push({ code: 'opset', values: { runtime: runtime.name, has: opset, takes: runtime.maxOpset } });
  return notes;
}

function factor(machine: Machine, unit: ComputeUnit, computes: RecipeFit['computes'], { calibration, networkOf }: PlanQuestion): Factor {
  const profileId = unit === machine.cpu ? machine.cpuProfileId : machine.profile.id;
  return calibration.factorOf({ profileId, unit: unit.id, kind: unit.kind, computes: computes === 'int4' ? 'int8' : computes, network: networkOf });
}

function alone(machine: Machine, question: PlanQuestion, fit: RecipeFit): Plan {
  const members: Member[] = [{ unit: machine.cpu, runtime: null, fit, factor: factor(machine, machine.cpu, fit.computes, question) }];
  return { placement: 'one', fit, members, chosen: question.network.layers.map(() => 0), notes: fit.notes };
}

/** Frames a second in float on the processor: what a speed-up is held against. 0: it cannot. */
export function floatRate(machine: Machine, question: PlanQuestion): number {
  if (machine.cpuRuntime === undefined) return 0;
  const { fit } = fitOf(FLOAT, machine.cpuRuntime);
  return fit === null ? 0 : rateOf(placed(question.network, alone(machine, question, fit)));
}

/** All that the unit can compute on it, the rest on the processor; and the cut that carries most, where that is clearly more. */
function withProcessor(machine: Machine, question: PlanQuestion, unit: ComputeUnit, runtime: HardwareRuntime, fit: RecipeFit): Plan[] {
  const { network, enoughPerS } = question;
  const members: Member[] = [
    { unit, runtime, fit, factor: factor(machine, unit, fit.computes, question) },
    { unit: machine.cpu, runtime: null, fit: null, factor: factor(machine, machine.cpu, 'fp32', question) },
  ];
  const stations = stationsOf(members, 'value');
  const ways = placement(network, stations);
  const preferred = ways.preferred();
  const left = network.layers.filter((layer) => !canCompute(layer, stations[0] as Station));
  const plans: Plan[] = [];
  if (!preferred.includes(1)) plans.push({ placement: 'one', fit, members, chosen: preferred, notes: fit.notes });
  else if (runtime.fallback === 'cpu' && preferred.includes(0)) {
    const note = { code: 'fallback', values: { layers: left.length, of: network.layers.length, operators: [...new Set(left.map(({ op }) => op))].slice(0, 6).join(', '), unit: unit.name } };
    plans.push({ placement: 'fallback', fit, members, chosen: preferred, notes: [...fit.notes, note] });
  }
  const rate = Math.max(0, ...plans.map((plan) => rateOf(placed(network, plan))));
  if (rate === 0 || rate >= enoughPerS) return plans;
  let best: { readonly chosen: readonly number[]; readonly rate: number } = { chosen: preferred, rate: rate * WORTH };
  const steps = network.layers.length > MANY_LAYERS ? FEW_WEIGHTS : WEIGHTS;
  for (let share = 1; share < steps; share++) {
    const chosen = ways.cheapest([(2 * share) / steps, 2 - (2 * share) / steps]);
    const carried = rateOf(ways.evaluate(chosen));
    if (chosen.includes(0) && chosen.includes(1) && carried > best.rate) best = { chosen, rate: carried };
  }
  if (best.rate > rate * WORTH) plans.push({ placement: 'layers', fit, members, chosen: best.chosen, notes: [...fit.notes, { code: 'layers-pay', values: { gain: best.rate / rate } }] });
  return plans;
}

/** Layers that follow each other on one unit, as one part. */
export function partsOf(network: Network, plan: Plan, { layerS }: Placed): AdvisorOption['parts'] {
  const parts: AdvisorOption['parts'] = [];
  const stations = stationsOf(plan.members, 'value');
  plan.chosen.forEach((who, index) => {
    const [layer, member, station] = [network.layers[index], plan.members[who], stations[who]];
    if (layer === undefined || member === undefined || station === undefined) return;
    const last = parts.at(-1);
    const ms = (layerS[index] ?? 0) * 1000;
    if (last?.unit === member.unit.id) Object.assign(last, { to: index, lastLayer: layer.name, macs: last.macs + layer.macs, ms: last.ms + ms });
    else parts.push({ unit: member.unit.id, unitName: member.unit.name, computes: member.fit?.computes ?? stationType(station, layer), from: index, to: index, firstLayer: layer.name, lastLayer: layer.name, macs: layer.macs, ms });
  });
  return parts;
}
