/** The command of the advisor and its flags. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { AdviseFlags } from './commands/advise.ts';
import type { Io } from './io.ts';
import { integer } from './options.ts';
import type { Places } from './places.ts';

type Action = <A extends unknown[], F>(work: (flags: F, ...args: A) => Promise<void>) => (...given: unknown[]) => Promise<void>;

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError('It has to be a number, 0 or more.');
  return value;
}

export function addAdvisorCommand(command: (name: string, summary: string) => Command, action: Action, places: Places, io: () => Io, signal: AbortSignal): void {
  const option = (flags: string, description: string): Option => new Option(flags, description).argParser(amount);
  command('advise', 'which machine and recipe carry a model at a frame rate for least, as an estimate')
    .argument('<model>', 'an ONNX file')
    .addOption(option('--fps <n>', 'inferences a second that one store needs').makeOptionMandatory())
    .addOption(option('--hours <n>', 'hours of a day with frames (24)'))
    .addOption(option('--tariff <n>', 'CNY for a kWh (0.8)'))
    .addOption(option('--life <years>', 'until a device is replaced (4)'))
    .addOption(option('--pue <n>', 'energy from the wall for each unit that reaches the device (1)'))
    .addOption(option('--headroom <share>', 'of its rate, how much a device is loaded with at most (0.7)'))
    .addOption(option('--max-ms <n>', 'an answer has to be there after so long'))
    .addOption(new Option('--stores <n>', 'stores that share machines of a data centre (1)').argParser(integer(1, 1_000_000)))
    .option('--measure', 'measure the model on this machine first, and calibrate with that')
    .option('--this-machine <profile>', 'profile that this machine is most like, where its processor does not tell')
    .option('--all', 'show every way to run it, not the best of each profile')
    .action(action(async (flags: AdviseFlags, model: string) => (await import('./commands/advise.ts')).advise(model, flags, io(), signal, places.version)));
}
