/**
 * What wall meters answer, as documented by their makers:
 * - Shelly Gen1, shelly-api-docs.shelly.cloud/gen1 "/meter/0", "/status": `power` W, `total` Watt-minutes, `is_valid`; energy meters (`emeters`): `total` Wh.
 * - Shelly Gen2 and later, shelly-api-docs.shelly.cloud/gen2 "Switch", "PM1", "EM1": `apower` (`act_power`) W, `aenergy.total` Wh.
 * - Tasmota, tasmota.github.io/docs "Commands: Status 8", "MQTT: SENSOR": `ENERGY.Power` W, `ENERGY.Total` kWh.
 * Devices that measure several lines give a list; their sum is taken.
 */
import { z } from 'zod';

export interface WallSample {
  readonly watts: number;
  /** Where it has a counter: joules, and the step in which it counts. */
  readonly counterJ: number | null;
  readonly counterStepJ: number;
}

export type WallFormat = 'shelly1' | 'shelly2' | 'tasmota';

const watts = z.number().min(-1e6).max(1e6);
const total = z.number().min(0).max(1e12);

const shelly1Meter = z.object({ power: watts, is_valid: z.boolean().optional(), total: total.optional() });
const shelly1Status = z.object({ meters: z.array(shelly1Meter).max(16).optional(), emeters: z.array(shelly1Meter).max(16).optional() });
const shelly2Switch = z.object({ apower: watts.optional(), act_power: watts.optional(), aenergy: z.object({ total }).optional() });
const numberOrList = (each: z.ZodNumber) => z.union([each, z.array(each).min(1).max(16)]);
const tasmotaEnergy = z.object({ ENERGY: z.object({ Power: numberOrList(watts), Total: numberOrList(total).optional() }) });
const tasmotaStatus = z.union([z.object({ StatusSNS: tasmotaEnergy }).transform(({ StatusSNS }) => StatusSNS.ENERGY), z.object({ StatusPWR: tasmotaEnergy.shape.ENERGY }).transform(({ StatusPWR }) => StatusPWR), tasmotaEnergy.transform(({ ENERGY }) => ENERGY)]);

/** @param channel of devices that switch several sockets. @returns null: not such an answer, or one that says itself that it is not valid */
export function parseWall(format: WallFormat, answer: unknown, channel: number): WallSample | null {
  if (format === 'shelly1') return parseShelly1(answer, channel);
  if (format === 'shelly2') return parseShelly2(answer);
  const parsed = tasmotaStatus.safeParse(answer);
  if (!parsed.success) return null;
  const { Power, Total } = parsed.data;
  // Three digits behind the point as delivered: 1 Wh.
  return { watts: sum(Power), counterJ: Total === undefined ? null : sum(Total) * 3.6e6, counterStepJ: 3600 };
}

function parseShelly1(answer: unknown, channel: number): WallSample | null {
  const status = shelly1Status.safeParse(answer);
  const energyMeters = status.success ? status.data.emeters : undefined;
  if (energyMeters !== undefined && energyMeters.length > 0) {
    const valid = energyMeters.filter((each) => each.is_valid !== false);
    return valid.length === 0 ? null : { watts: sum(valid.map(({ power }) => power)), counterJ: sum(valid.map((each) => each.total ?? 0)) * 3600, counterStepJ: 360 };
  }
  const meter = status.success && status.data.meters !== undefined ? status.data.meters[channel] : shelly1Meter.safeParse(answer).data;
  if (meter === undefined || meter.is_valid === false) return null;
  return { watts: meter.power, counterJ: meter.total === undefined ? null : meter.total * 60, counterStepJ: 60 };
}

function parseShelly2(answer: unknown): WallSample | null {
  const parsed = shelly2Switch.safeParse(answer);
  const power = parsed.data?.apower ?? parsed.data?.act_power;
  if (parsed.data === undefined || power === undefined) return null;
  // A thousandth of a watt-hour is printed, and the counter moves on in steps of some seconds' use.
  return { watts: power, counterJ: parsed.data.aenergy === undefined ? null : parsed.data.aenergy.total * 3600, counterStepJ: 3.6 };
}

function sum(values: number | readonly number[]): number {
  return typeof values === 'number' ? values : values.reduce((all, each) => all + each, 0);
}
