/** What was said about energy on the command line, and what a hardware profile's power means for one model on its processor. */
import { EdgewiseError } from '../../base/errors.ts';
import { hardwareProfileOf, hardwareProfiles } from '../../contract/hardware/profiles.ts';
import type { EnergyChoice } from '../../contract/records/energy.ts';
import type { EnergyFlags, PowerFlags } from '../energy-options.ts';

/** @throws USAGE, NOT_FOUND */
export function energyChoiceOf(flags: EnergyFlags, threads: number): EnergyChoice {
  const model = powerModelOf(flags, threads);
  return {
    ...(flags.energy === false ? { off: true } : {}),
    ...(flags.wallMeter === undefined ? {} : { wallMeter: flags.wallMeter }),
    ...(model === undefined ? {} : { model }),
    ...(flags.energySeconds === undefined ? {} : { seconds: flags.energySeconds }),
  };
}

/**
 * Power as it was given, or of a profile: idle, and idle with the share of the processor's own power that so many threads take of its cores.
 * @throws USAGE, NOT_FOUND
 */
export function powerModelOf({ idleW, busyW, hardware }: PowerFlags, threads: number): EnergyChoice['model'] {
  if ((idleW === undefined) !== (busyW === undefined)) throw new EdgewiseError('USAGE', '--idle-w and --busy-w belong together.', { hint: 'Give both, or neither.' });
  if (idleW !== undefined && busyW !== undefined) {
    if (hardware !== undefined) throw new EdgewiseError('USAGE', '--hardware gives idle and busy power too.', { hint: 'Give --idle-w and --busy-w, or --hardware.' });
    if (busyW < idleW) throw new EdgewiseError('USAGE', `--busy-w ${busyW} is less than --idle-w ${idleW}.`, { hint: 'Busy power is of the whole machine, idle power included.' });
    return { idleW, busyW, from: 'given' };
  }
  if (hardware === undefined) return undefined;
  const profile = hardwareProfileOf(hardware);
  if (profile === undefined) throw new EdgewiseError('NOT_FOUND', `There is no hardware profile "${hardware}".`, { hint: `One of: ${hardwareProfiles.filter(({ scope }) => scope === 'box').map(({ id }) => id).join(', ')}` });
  const cpu = profile.units.find(({ kind }) => kind === 'cpu');
  const activeW = cpu?.activeW ?? (profile.units.length === 1 && profile.busyW !== null && profile.idleW !== null ? profile.busyW - profile.idleW : null);
  if (profile.idleW === null || cpu === undefined || activeW === null) {
    throw new EdgewiseError('BAD_REQUEST', `The hardware profile "${hardware}" does not tell what its processor draws.`, { hint: 'Models run on the processor here. Give --idle-w and --busy-w.' });
  }
  const share = Math.min(1, (threads > 0 ? threads : cpu.cores) / cpu.cores);
  return {
    idleW: profile.idleW,
    busyW: profile.idleW + activeW * share,
    from: profile.name.slice(0, 60),
    notes: [`power is of the profile ${profile.id} with ${threads > 0 ? threads : cpu.cores} of ${cpu.cores} cores busy, time of this machine: right only where this machine is one`],
  };
}
