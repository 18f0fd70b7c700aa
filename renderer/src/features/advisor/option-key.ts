import type { AdvisorOption } from '../../../../src/contract/records/advisor.ts';

/** What tells one way to run a model from every other. */
export function keyOf({ profileId, recipe, runtime, placement, parts }: AdvisorOption): string {
  return [profileId, recipe, runtime, placement, ...new Set(parts.map(({ unit }) => unit))].join(' ');
}

/** The first of each machine; the list is ranked. */
export function bestOfEach(options: readonly AdvisorOption[]): AdvisorOption[] {
  const seen = new Set<string>();
  return options.filter(({ profileId }) => !seen.has(profileId) && seen.add(profileId));
}
