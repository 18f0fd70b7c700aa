/**
 * Time of a network on the units of a machine, by the roofline (Williams, Waterman, Patterson 2009): a layer takes as long as its operations at
 * peak rate or its bytes at full bandwidth, whichever is longer, and a start. Where a layer goes to another unit, what is still needed is
 * carried over.
 */
import type { ComputeType, ComputeUnit, HardwareRuntime } from '../../contract/records/hardware.ts';
import type { Network, NetworkLayer } from './network.ts';
import { activationBytes, typeOf, weightBytes, type RecipeFit } from './recipe-form.ts';

/** A unit as one plan uses it. */
export interface Station {
  readonly unit: ComputeUnit;
  /** Null where it takes any operator, as a processor does. */
  readonly runtime: HardwareRuntime | null;
  /** How its layers are computed; null: in float, beside an accelerator. */
  readonly fit: RecipeFit | null;
  /** Measured over roofline. */
  readonly factor: number;
  /** Threads on a processor, where not all cores are used. */
  readonly threads?: number;
}

export interface Placed {
  /** Seconds from the frame to the answer. */
  readonly latencyS: number;
  /** Seconds that each station is occupied per inference while frames follow each other without a gap. */
  readonly busyS: readonly number[];
  /** Seconds that each station works on one inference alone: what it draws power for. */
  readonly workS: readonly number[];
  /** Station of each layer. */
  readonly stations: readonly number[];
  readonly layerS: readonly number[];
}

interface LayerTime {
  readonly alone: number;
  readonly full: number;
}

const FREE: LayerTime = { alone: 0, full: 0 };
const NEVER: LayerTime = { alone: Number.POSITIVE_INFINITY, full: Number.POSITIVE_INFINITY };

export function canCompute(layer: NetworkLayer, { runtime }: Station): boolean {
  if (runtime === null) return true;
  const { only, without } = runtime.operators;
  return layer.ops.every((op) => !without.includes(op) && (only === null || only.includes(op)));
}

export function stationType(station: Station, layer: NetworkLayer): ComputeType {
  return station.fit === null ? 'fp32' : typeOf(station.fit, layer);
}

/** Products that a sum has to have before instructions for many at once can be filled; depthwise convolutions have fewer. */
const SHALLOW = 64;
/** Operations for one number, where an operator is more than a comparison or an addition; exponentials are series. */
const ELEMENT_OPERATIONS: Readonly<Record<string, number>> = { Sigmoid: 40, Tanh: 40, Exp: 30, Log: 30, Erf: 40, Gelu: 45, Softmax: 45, LogSoftmax: 45, HardSwish: 4, HardSigmoid: 3, Sqrt: 8, Div: 8, Pow: 60, LayerNormalization: 12, InstanceNormalization: 12, Resize: 8 };

/** On a processor onnxruntime computes it one number at a time, with a power: 30 to 70 ns each, measured. */
const SLOW_ON_PROCESSORS: Readonly<Record<string, number>> = { LRN: 8000 };

/** Of the multiply-adds, all cores at work. Processors and GPUs compute shallow sums with their float units, whatever the type. */
function productSeconds({ macs, outputs }: NetworkLayer, { kind, peak }: ComputeUnit, rate: number): number {
  const shallow = (kind === 'cpu' || kind === 'gpu') && macs < SHALLOW * outputs;
  return (2 * macs) / (shallow ? Math.min(rate, peak.fp32 ?? rate) : rate);
}

/** Of everything that is done number by number: no type makes it faster than float. */
function elementSeconds({ ops, outputs }: NetworkLayer, { kind, peak }: ComputeUnit): number {
  const each = ops.reduce((sum, op) => sum + ((kind === 'cpu' ? SLOW_ON_PROCESSORS[op] : undefined) ?? ELEMENT_OPERATIONS[op] ?? 1), 0);
  return (each * outputs) / (peak.fp32 ?? peak.fp16 ?? peak.int8 ?? 1);
}

function layerTime(network: Network, layer: NetworkLayer, station: Station): LayerTime {
  const { unit, fit, factor } = station;
  const type = stationType(station, layer);
  const peak = unit.peak[type];
  if (peak === null || !canCompute(layer, station)) return NEVER;
  const perWeight = fit === null ? 4 : weightBytes(fit, layer);
  const onChip = unit.onChipBytes;
  const bytes = onChip === null ? layer.weights * perWeight + (layer.inputs + layer.outputs) * activationBytes(type) : 0;
  // Weights that the chip has no room for come over a link whose speed is known: no factor on them.
  const streamedS = onChip === null ? 0 : (layer.weights * perWeight * Math.max(0, 1 - onChip / Math.max(1, network.weights * perWeight))) / unit.bandwidthBytesPerS;
  const work = productSeconds(layer, unit, peak) + elementSeconds(layer, unit);
  const cores = station.threads ?? unit.coresPerInference;
  const streams = Math.max(1, Math.floor(unit.cores / cores));
  // One core of a processor cannot draw the bandwidth of all; the parts of an accelerator can.
  const bandwidth = unit.bandwidthBytesPerS * (unit.kind === 'cpu' ? cores / unit.cores : 1);
  return {
    alone: streamedS + factor * (Math.max((work * unit.cores) / cores, bytes / bandwidth) + unit.layerOverheadS),
    full: streamedS + factor * (Math.max(work, bytes / unit.bandwidthBytesPerS) + unit.layerOverheadS / streams),
  };
}

/** To carry what is needed across from one unit to the other. Where frames follow each other, the next is handed over while one is computed. */
function carry(numbers: number, from: Station, to: Station, type: ComputeType): LayerTime {
  const link = Math.min(...[from, to].map(({ unit }) => unit.linkBytesPerS ?? unit.bandwidthBytesPerS));
  const full = (numbers * activationBytes(type)) / link;
  return { full, alone: full + (to.unit.kind === 'cpu' ? 0 : to.factor * to.unit.inferenceOverheadS) };
}

export interface Placement {
  /** Time of the network with each layer where `stations` says; infinite where a station cannot compute its layer. */
  evaluate(stations: readonly number[]): Placed;
  /** Where each layer goes when the weighted time of the stations is to be least; by dynamic programming over the layers. */
  cheapest(weights: readonly number[]): number[];
  /** Each layer on the first of the stations that can compute it. */
  preferred(): number[];
}

/** @param stations the processor is the last of them: the frame starts there and the answer is wanted there */
export function placement(network: Network, stations: readonly Station[]): Placement {
  const { layers, cut } = network;
  const home = stations.length - 1;
  const times = stations.map((station) => layers.map((layer) => layerTime(network, layer, station)));
  const at = (station: number, layer: number): LayerTime => times[station]?.[layer] ?? NEVER;
  const station = (index: number): Station => stations[index] as Station;
  /** What crosses a cut goes in the accelerator's type: it is half or a quarter of the bytes. */
  const typeAt = (from: number, to: number, layer: number): ComputeType => {
    const outside = from === home ? to : from;
    return stationType(station(outside), layers[Math.min(layer, layers.length - 1)] as NetworkLayer);
  };
  const crossing = (from: number, to: number, layer: number): { readonly cost: LayerTime; readonly payer: number } =>
    from === to ? { cost: FREE, payer: to } : { cost: carry(cut[layer] ?? 0, station(from), station(to), typeAt(from, to, layer)), payer: to === home ? from : to };

  return {
    evaluate(chosen) {
      const busyS = stations.map(() => 0);
      const workS = stations.map(() => 0);
      const layerS = layers.map((_, index) => at(chosen[index] ?? home, index).alone);
      const add = (who: number, alone: number, full: number): void => {
        workS[who] = (workS[who] ?? 0) + alone;
        busyS[who] = (busyS[who] ?? 0) + full;
      };
      layers.forEach((_, index) => {
        const who = chosen[index] ?? home;
        const { cost, payer } = crossing(index === 0 ? home : (chosen[index - 1] ?? home), who, index);
        add(payer, cost.alone, cost.full);
        const { alone, full } = at(who, index);
        add(who, alone, full);
      });
      const end = crossing(chosen.at(-1) ?? home, home, layers.length);
      add(end.payer, end.cost.alone, end.cost.full);
      if (chosen.includes(home)) add(home, station(home).factor * station(home).unit.inferenceOverheadS, 0);
      return { latencyS: workS.reduce((sum, seconds) => sum + seconds, 0), busyS, workS, stations: chosen, layerS };
    },

    cheapest(weights) {
      const weigh = (who: number, seconds: number): number => (weights[who] ?? 1) * seconds;
      const back: number[][] = [];
      let costs = stations.map((_, who) => {
        const { cost, payer } = crossing(home, who, 0);
        return weigh(payer, cost.alone) + weigh(who, at(who, 0).alone);
      });
      for (let index = 1; index < layers.length; index++) {
        const before = costs;
        const from: number[] = [];
        costs = stations.map((_, who) => {
          let best = Number.POSITIVE_INFINITY;
          let origin = home;
          before.forEach((soFar, previous) => {
            const { cost, payer } = crossing(previous, who, index);
            const total = soFar + weigh(payer, cost.alone);
            if (total < best) {
              best = total;
              origin = previous;
            }
          });
          from.push(origin);
          return best + weigh(who, at(who, index).alone);
        });
        back.push(from);
      }
      const ends = costs.map((cost, who) => {
        const end = crossing(who, home, layers.length);
        return cost + weigh(end.payer, end.cost.alone);
      });
      let who = ends.indexOf(Math.min(...ends));
      const chosen = [who];
      for (let index = layers.length - 2; index >= 0; index--) {
        who = back[index]?.[who] ?? home;
        chosen.unshift(who);
      }
      return chosen;
    },

    preferred: () => layers.map((layer, index) => {
      const first = stations.findIndex((one, who) => canCompute(layer, one) && Number.isFinite(at(who, index).alone));
      return first < 0 ? home : first;
    }),
  };
}
