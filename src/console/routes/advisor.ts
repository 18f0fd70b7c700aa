import { hardwareProfiles } from '../../contract/hardware/profiles.ts';
import type { Advisor } from '../advisor/advisor.ts';
import type { Handlers } from '../router.ts';

export function advisorHandlers(advisor: Advisor): Pick<Handlers, 'advisor.rank' | 'hardware.list'> {
  return { 'hardware.list': () => [...hardwareProfiles], 'advisor.rank': (input) => advisor.rank(input) };
}
