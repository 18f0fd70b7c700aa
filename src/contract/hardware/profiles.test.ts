/** Each shipped profile: whole, plausible, and with a source for each figure. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hardwareProfile } from '../records/hardware.ts';
import { figuresOf, sourceOf } from './figures.ts';
import { hardwareProfileOf, hardwareProfiles } from './profiles.ts';

const resources = join(import.meta.dirname, '../../../resources');

describe('profiles that are shipped', () => {
  it('are the files in resources/hardware, each under its own id', () => {
    const files = readdirSync(join(resources, 'hardware')).filter((name) => name.endsWith('.json'));
    expect(hardwareProfiles.map(({ id }) => `${id}.json`).toSorted()).toEqual(files.toSorted());
  });

  it.each(hardwareProfiles.map((profile) => [profile.id, profile] as const))('%s has a source for each figure, and a figure for each source', (_, profile) => {
    const figures = figuresOf(profile);
    expect(figures.filter((figure) => sourceOf(profile, figure) === undefined)).toEqual([]);
    const fields = profile.sources.flatMap((source) => source.fields);
    expect(fields.filter((field) => !figures.some((figure) => figure === field || figure.startsWith(`${field}.`)))).toEqual([]);
    for (const source of profile.sources) if (source.confidence !== 'estimate') expect(source.url, `${profile.id}: ${source.text}`).toBeDefined();
  });

  it.each(hardwareProfiles.map((profile) => [profile.id, profile] as const))('%s is plausible', (_, profile) => {
    for (const { id, cores, coresPerInference, peak, bandwidthBytesPerS, memoryBytes, activeW } of profile.units) {
      const rates = [peak.fp32, peak.fp16, peak.int8, peak.int4].filter((rate) => rate !== null);
      expect(rates.length, id).toBeGreaterThan(0);
      expect(rates, `${id}: fewer bits are never slower`).toEqual(rates.toSorted((a, b) => a - b));
      for (const rate of rates) {
        expect(cores % coresPerInference, id).toBe(0);
        expect(rate / cores, id).toBeGreaterThan(1e9);
        expect(rate, id).toBeLessThan(1e15);
      }
      expect(bandwidthBytesPerS, id).toBeGreaterThan(1e8);
      expect(bandwidthBytesPerS, id).toBeLessThan(1e13);
      if (memoryBytes !== null) expect(memoryBytes, id).toBeGreaterThan(2 ** 20);
      if (activeW !== null && profile.busyW !== null) expect(activeW, id).toBeLessThanOrEqual(profile.busyW);
    }
    if (profile.idleW !== null && profile.busyW !== null) expect(profile.busyW).toBeGreaterThan(profile.idleW);
    expect(new Set(profile.units.map(({ id }) => id)).size).toBe(profile.units.length);
  });

  it.each(hardwareProfiles.map((profile) => [profile.id, profile] as const))('%s names units, recipes and a host that exist', (_, profile) => {
    const recipes = readdirSync(join(resources, 'recipes')).map((name) => name.replace(/\.json$/, ''));
    const host = profile.host === null ? undefined : hardwareProfileOf(profile.host);
    if (profile.scope === 'box') {
      expect(profile.host).toBeNull();
      expect(profile.units.map(({ id }) => id)).toContain('cpu');
    } else {
      expect(host?.scope).toBe('box');
      expect(profile.units.map(({ id }) => id)).not.toContain('cpu');
    }
    const units = [...profile.units, ...(host?.units ?? [])].map(({ id }) => id);
    for (const runtime of profile.runtimes) for (const unit of runtime.units) expect(units).toContain(unit);
    for (const fit of profile.recipes) {
      expect(recipes).toContain(fit.recipe);
      expect(profile.runtimes.find(({ id }) => id === fit.runtime)?.computes, `${fit.recipe} on ${fit.runtime}`).toContain(fit.computes);
    }
    for (const { unit, ms, perS } of profile.published) {
      expect(units).toContain(unit);
      expect([ms, perS].filter((value) => value !== null)).toHaveLength(1);
    }
  });
});

it('a profile with a field too many, a negative power or a source without a year is refused', () => {
  const [good] = hardwareProfiles;
  expect(hardwareProfile.safeParse({ ...good, colour: 'green' }).success).toBe(false);
  expect(hardwareProfile.safeParse({ ...good, idleW: -1 }).success).toBe(false);
  expect(hardwareProfile.safeParse({ ...good, sources: [{ fields: ['idleW'], confidence: 'datasheet', text: 'somewhere on a page' }] }).success).toBe(false);
});

it('the longest path that covers a figure is its source', () => {
  const [good] = hardwareProfiles;
  if (good === undefined) throw new Error('no profile');
  const source = (field: string) => ({ fields: [field], confidence: 'estimate' as const, text: `for ${field} alone`, year: 2026 });
  const profile = { ...good, sources: [source('units.cpu'), source('units.cpu.peak.int8'), source('units.cpu.peak')] };
  expect(sourceOf(profile, 'units.cpu.peak.int8')?.text).toContain('int8');
  expect(sourceOf(profile, 'units.cpu.peak.fp32')?.text).toBe('for units.cpu.peak alone');
  expect(sourceOf(profile, 'idleW')).toBeUndefined();
});
