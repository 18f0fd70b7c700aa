/** Figures of a hardware profile and what stands for each. */
import type { FigureSource, HardwareProfile } from '../records/hardware.ts';

/** Figures of a profile that have a value, as paths like those of its sources. */
export function figuresOf(profile: HardwareProfile): string[] {
  return figureValues(profile).map(([path]) => path);
}

export function figureValues(profile: HardwareProfile): [path: string, value: number][] {
  const paths: [string, number][] = [];
  for (const unit of profile.units) {
    const at = `units.${unit.id}`;
    for (const [type, rate] of Object.entries(unit.peak)) if (rate !== null) paths.push([`${at}.peak.${type}`, rate]);
    for (const field of ['cores', 'bandwidthBytesPerS', 'memoryBytes', 'onChipBytes', 'layerOverheadS', 'inferenceOverheadS', 'linkBytesPerS', 'activeW'] as const) {
      const value = unit[field];
      if (value !== null) paths.push([`${at}.${field}`, value]);
    }
  }
  if (profile.idleW !== null) paths.push(['idleW', profile.idleW]);
  if (profile.busyW !== null) paths.push(['busyW', profile.busyW]);
  if (profile.price.cny !== null) paths.push(['price', profile.price.cny]);
  return paths;
}

/** What stands for a figure: the source with the longest path that covers it. */
export function sourceOf(profile: HardwareProfile, figure: string): FigureSource | undefined {
  let best: { readonly source: FigureSource; readonly length: number } | undefined;
  for (const source of profile.sources) {
    for (const field of source.fields) {
      const covers = figure === field || figure.startsWith(`${field}.`);
      if (covers && field.length > (best?.length ?? -1)) best = { source, length: field.length };
    }
  }
  return best?.source;
}
