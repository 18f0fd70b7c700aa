/** Hardware profiles that are shipped (resources/hardware), checked like anybody's own. */
import x86N100 from '../../../resources/hardware/x86-n100.json' with { type: 'json' };
import { hardwareProfile, type FigureSource, type HardwareProfile } from '../records/hardware.ts';

export const hardwareProfiles: readonly HardwareProfile[] = [x86N100].map((json) => hardwareProfile.parse(json));

export function hardwareProfileOf(id: string): HardwareProfile | undefined {
  return hardwareProfiles.find((profile) => profile.id === id);
}

/** Figures of a profile that have a value, as paths like those of its sources. */
export function figuresOf(profile: HardwareProfile): string[] {
  const paths: string[] = [];
  for (const unit of profile.units) {
    const at = `units.${unit.id}`;
    for (const [type, rate] of Object.entries(unit.peak)) if (rate !== null) paths.push(`${at}.peak.${type}`);
    for (const field of ['cores', 'bandwidthBytesPerS', 'memoryBytes', 'onChipBytes', 'layerOverheadS', 'inferenceOverheadS', 'linkBytesPerS', 'activeW'] as const) {
      if (unit[field] !== null) paths.push(`${at}.${field}`);
    }
  }
  if (profile.idleW !== null) paths.push('idleW');
  if (profile.busyW !== null) paths.push('busyW');
  if (profile.price.cny !== null) paths.push('price');
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
