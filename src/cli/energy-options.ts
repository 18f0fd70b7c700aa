/** The flags that say how energy is measured. */
import { Option, type Command } from 'commander';
import { integer, number } from './options.ts';

export interface PowerFlags {
  readonly wallMeter?: string;
  readonly idleW?: number;
  readonly busyW?: number;
  readonly hardware?: string;
}

export interface EnergyFlags extends PowerFlags {
  readonly energy?: boolean;
  readonly energySeconds?: number;
}

export function wallMeterOption(): Option {
  return new Option('--wall-meter <url>', 'a Shelly or Tasmota meter that this machine is plugged into: http://HOST or mqtt://BROKER/TOPIC');
}

/** For what runs on, without an end. */
export function withPower(command: Command): Command {
  return command
    .addOption(wallMeterOption())
    .addOption(new Option('--idle-w <watts>', 'power when nothing runs, for a machine that nothing measures').argParser(number(0, 100_000)))
    .addOption(new Option('--busy-w <watts>', 'power while a model runs').argParser(number(0, 100_000)))
    .addOption(new Option('--hardware <name>', 'both of a hardware profile, for example raspberry-pi-5'));
}

/** For a measurement. */
export function withEnergy(command: Command): Command {
  return withPower(command)
    .addOption(new Option('--energy-seconds <n>', 'measure energy for at most so long (60)').argParser(integer(1, 86_400)))
    .addOption(new Option('--no-energy', 'do not measure energy'));
}
