/** The commands of savings and their flags. */
import { Option, type Command } from 'commander';
import type { ReportFlags, SavingsFlags } from './commands/savings.ts';
import type { Io } from './io.ts';
import { integer } from './options.ts';
import type { Places } from './places.ts';

type Action = <A extends unknown[], F>(work: (flags: F, ...args: A) => Promise<void>) => (...given: unknown[]) => Promise<void>;

export function addSavingsCommands(command: (name: string, summary: string) => Command, action: Action, places: Places, io: () => Io): void {
  withPeriod(command('savings', 'what optimized models saved, with intervals and evidence'))
    .addOption(new Option('--by <what>', 'a line for each').choices(['chain', 'region', 'store', 'device']).default('store'))
    .option('--csv', 'as a table for a spreadsheet')
    .action(action(async (flags: SavingsFlags) => (await import('./commands/savings.ts')).savings(flags, places, io())));

  withPeriod(command('report', 'a report for A4 on what was saved'))
    .argument('[region]', 'a region; all stores where left out')
    .option('--store <id>', 'of one store')
    .requiredOption('-o, --output <file>', 'FILE.pdf (needs a Chromium on this machine) or FILE.html')
    .addOption(new Option('--lang <locale>', 'language of the report').choices(['en', 'zh-CN']).default('en'))
    .action(action(async (flags: ReportFlags, region?: string) => (await import('./commands/savings.ts')).report(region, flags, places, io())));
}

function withPeriod(command: Command): Command {
  return command
    .option('--from <day>', 'first day, for example 2026-03-01 (30 days before the last)')
    .option('--to <day>', 'last day (the last of which anything is known)')
    .addOption(new Option('--baseline <days>', 'days before its update that a device is compared with').argParser(integer(1, 365)))
    .addOption(new Option('--method <how>', 'with stores held back, before and after, or the best there is').choices(['auto', 'held_back', 'before_after']))
    .option('--workload <name>', 'only devices that do this');
}
