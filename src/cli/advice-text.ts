/** The advisor's answer as text for a terminal. */
import type { AdvisorAnswer, AdvisorNote, AdvisorOption, Interval } from '../contract/records/advisor.ts';
import { bytesText, countText, percentText, tableText } from './io.ts';

const ROUND = 3;

/** Short figures: three digits that count. */
function figure(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en').replaceAll(',', ' ') : `${Number(value.toPrecision(ROUND))}`;
}

function between(value: Interval | null): string {
  return value === null ? '?' : `${figure(value.value)} (${figure(value.low)} to ${figure(value.high)})`;
}

const PLACEMENTS: Readonly<Record<AdvisorOption['placement'], string>> = { one: '', fallback: ' and processor', layers: ' and processor, cut', frames: ', frames shared' };

/** The best of each profile, then why others cannot, then what the figures rest on. */
export function adviceText(answer: AdvisorAnswer, all: boolean): string {
  const { model, asked, options, refused, notes } = answer;
  const shown = all ? options : options.filter(({ profileId }, index) => options.findIndex((other) => other.profileId === profileId) === index);
  const rows = shown.map((option) => [
    option.profileId, option.recipe, `${option.runtimeName} ${option.computes}${PLACEMENTS[option.placement]}`, between(option.latencyMs), between(option.framesPerS), figure(option.devices.value),
    between(option.costCnyPerYear), option.energyKWhPerYear === null ? '?' : figure(option.energyKWhPerYear.value), option.calibration.from,
  ]);
  return [
    `${model.name}: ${countText(model.macs)} multiply-adds, ${countText(model.parameters)} parameters, ${model.layers} layers${model.quantized ? ', quantized' : ''}`,
    `${asked.framesPerS} frames/s per store, ${asked.hoursPerDay} h a day, ${asked.tariffCnyPerKWh} CNY/kWh, PUE ${asked.pue}, life ${asked.lifeYears} years, at most ${percentText(asked.headroom)} load`,
    '',
    'Estimates, all of them; in brackets where the truth lies in nine cases of ten as to speed. Price and power are typical figures.',
    tableText([['profile', 'recipe', 'runs in', 'ms', 'frames/s carried', 'devices', 'CNY/year', 'kWh/year', 'calibrated by'], ...rows]),
    ...refused.map(({ profileId, notes: reasons }) => `${profileId}: ${reasons.map(noteText).join(' ')}`),
    ...shown.flatMap((option) => (option.placement === 'one' ? [] : ['', ...splitText(option)])),
    '',
    ...notes.map(noteText),
  ].join('\n');
}

function splitText({ profileId, placement, parts, notes, gain }: AdvisorOption): string[] {
  return [
    `${profileId}, ${placement === 'frames' ? 'frames shared' : 'layers split'}${gain === null ? '' : `, ${figure(gain)} times what its best unit carries alone`}:`,
    ...parts.map(({ unitName, computes, from, to, firstLayer, lastLayer, macs, ms }) => `  ${unitName}, ${computes}: layers ${from + 1} to ${to + 1} (${firstLayer} to ${lastLayer}), ${countText(macs)} multiply-adds, ${figure(ms)} ms`),
    ...notes.filter(({ code }) => code === 'fallback' || code === 'layers-pay' || code === 'frames-share').map((note) => `  ${noteText(note)}`),
  ];
}

const NOTES: Readonly<Record<string, (values: AdvisorNote['values']) => string>> = {
  calibrated: ({ times }) => `Times measured here that it is calibrated by: ${times}.`,
  'not-calibrated': () => 'Nothing was measured here: the intervals are as wide as machines differ.',
  'times-left-out': ({ times }) => `${times} measured times could not be used: the model is gone, or the unit does not compute with that type.`,
  'converter-calibrates': ({ runtime }) => `${runtime} makes the int8 itself, from the simplified float file and calibration data.`,
  'half-is-size-only': () => 'The file is half the size; it is computed in 32 bits.',
  'no-float': ({ runtime }) => `${runtime} computes no float.`,
  'no-int8': ({ runtime }) => `${runtime} computes no int8 here.`,
  'quantizes-itself': ({ runtime }) => `${runtime} wants a float file and quantizes it itself.`,
  'activation-type': ({ has, wants }) => `The file has ${has} activations, the runtime takes ${wants}.`,
  'symmetric-activations': ({ runtime }) => `${runtime} wants activations with zero point 0.`,
  'weight-scales': ({ has, wants }) => `The file has ${has} steps, the runtime takes ${wants}.`,
  saturates: () => 'Products would pass 16 bits on this processor: use a portable recipe.',
  'no-dynamic': ({ runtime }) => `${runtime} does not quantize while it runs.`,
  'no-blocks': ({ runtime }) => `${runtime} has no 4-bit matrix products.`,
  'dynamic-shapes': ({ runtime }) => `${runtime} wants each dimension as a number.`,
  opset: ({ runtime, has, takes }) => `${runtime} takes opset ${takes} at most, the model has ${has}.`,
  memory: ({ needs, has, unit }) => `Its weights are ${bytesText(Number(needs))}, ${unit} has ${bytesText(Number(has))}.`,
  'too-slow': ({ limitMs }) => `No way to run it answers within ${limitMs} ms.`,
  fallback: ({ layers, of, operators, unit }) => `${layers} of ${of} layers (${operators}) go to the processor: ${unit} cannot compute them.`,
  'layers-pay': ({ gain }) => `Cut so, it carries ${figure(Number(gain))} times as much.`,
  'frames-share': ({ unit, share, recipe }) => `${unit} takes ${percentText(Number(share))} of the frames (${recipe}).`,
  'shared-by-stores': ({ stores }) => `One machine serves ${stores} stores; bringing the frames there is not counted.`,
  'with-host': ({ host }) => `With its host, ${host}.`,
  'sizes-assumed': ({ sizes }) => `Reckoned with ${sizes}: the model leaves these sizes open.`,
  uncounted: ({ nodes }) => `${nodes} nodes could not be counted: it takes longer than this.`,
};

export function noteText({ code, values }: AdvisorNote): string {
  return NOTES[code]?.(values) ?? code;
}
