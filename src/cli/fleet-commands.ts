/** The commands of the fleet and their flags. */
import { Argument, Option, type Command } from 'commander';
import type { ArtifactFlags, RolloutFlags, RolloutVerb } from './commands/rollout.ts';
import type { AgentFlags } from './commands/agent.ts';
import type { KeysFlags, KeysVerb } from './commands/keys.ts';
import type { FleetFlags, FleetVerb } from './commands/fleet.ts';
import { withPower } from './energy-options.ts';
import type { Io } from './io.ts';
import { integer } from './options.ts';
import type { Places } from './places.ts';

const FLEET: readonly FleetVerb[] = ['list', 'show', 'stores', 'import', 'groups', 'claim', 'enrolments', 'accept', 'refuse', 'revoke', 'remove', 'status', 'link'];
const ROLLOUT: readonly RolloutVerb[] = ['list', 'show', 'preview', 'create', 'edit', 'audit', 'watch', 'submit', 'withdraw', 'approve', 'send-back', 'pause', 'resume', 'accept-and-resume', 'stop', 'roll-back'];

/** Hands the flags in before the arguments, with what a command prints to. */
type Action = <A extends unknown[], F>(work: (flags: F, ...args: A) => Promise<void>) => (...given: unknown[]) => Promise<void>;

export function addFleetCommands(command: (name: string, summary: string) => Command, action: Action, places: Places, io: () => Io, signal: AbortSignal): void {
  command('fleet', 'stores and devices: list, join, shut out, reach')
    .addArgument(verb('what to do', FLEET))
    .argument('[name]', 'a device, a request, or a CSV file')
    .option('--filter <text>', 'list: which devices, for example: region = East and not online')
    .option('--store <id>', 'claim: the store of the device')
    .option('--class <name>', 'claim: kind of hardware, for example edge-box')
    .option('--workload <name>', 'claim: what it does, for example customer-flow')
    .addOption(new Option('--hours <n>', 'claim: good for so long (24)').argParser(integer(1, 720)))
    .addOption(new Option('--kind <what>', 'import: what the table holds').choices(['stores', 'devices']))
    .option('--apply', 'import: write it; without, it is only shown')
    .option('--confirm <text>', 'accept: the fingerprint that the device shows; revoke and remove: the device again')
    .option('--on', 'link: open the line to the devices')
    .option('--off', 'link: close it')
    .option('--host <name>', 'link: name or address by which devices reach this console')
    .action(action(async (flags: FleetFlags, what: FleetVerb, name?: string) => (await import('./commands/fleet.ts')).fleet(what, name, flags, places, io())));

  withPower(command('agent', 'the program on a device: joins, takes artifacts, runs them and tells what it measures'))
    .requiredOption('--dir <folder>', 'where the device keeps its key, its slots and what it has not told yet')
    .option('--claim <code>', 'the code from the console, the first time')
    .option('--input <spec>', 'what the model works on: folder:PATH, generator, generator:SEED, http:PORT', 'generator')
    .addOption(new Option('--threads <n>', 'threads inside an operator').argParser(integer(1, 256)).default(1))
    .addOption(new Option('--fps <n>', 'frames a second (5)').argParser(integer(0, 1000)))
    .addOption(new Option('--telemetry <s>', 'seconds between two batches of measurements (10)').argParser(integer(1, 3600)))
    .action(action(async (flags: AgentFlags) => (await import('./commands/agent.ts')).agent(flags, places, io(), signal)));

  command('rollout', 'bring an artifact to devices in guarded waves')
    .addArgument(verb('what to do', ROLLOUT))
    .argument('[name]', 'a rollout by id or name; for preview and create a file with the draft')
    .argument('[file]', 'edit: a file with the draft that takes the place of the one that is there')
    .option('--by <person>', 'who asks (the user of this machine)')
    .option('--note <text>', 'why, for the audit log')
    .option('--confirm <name>', 'stop, roll-back and accept-and-resume: the name of the rollout again')
    .option('--csv', 'audit: as a table for a spreadsheet')
    .addOption(new Option('--revision <n>', 'edit: refused where the draft was changed after this one (`effects` in show --json; the newest)').argParser(integer(0, Number.MAX_SAFE_INTEGER)))
    .action(action(async (flags: RolloutFlags, what: RolloutVerb, name?: string, file?: string) => (await import('./commands/rollout.ts')).rollout(what, name, file, flags, places, io(), signal)));

  command('artifact', 'signed models for devices')
    .addArgument(verb('what to do', ['list', 'publish', 'withdraw']))
    .argument('[artifact]', 'its name, for example flow')
    .argument('[what]', 'publish: a model of the library by id or name; withdraw: a version')
    .option('--workload <name>', 'publish: what it does, for example customer-flow')
    .option('--class <names...>', 'publish: device classes (any)')
    .option('--hardware <names...>', 'publish: linux-x64, linux-arm64 (linux-x64)')
    .addOption(new Option('--days <n>', 'publish: can be installed for so long (365)').argParser(integer(1, 3650)))
    .option('--confirm <text>', 'withdraw: ARTIFACT VERSION')
    .action(action(async (flags: ArtifactFlags, what: 'list' | 'publish' | 'withdraw', name?: string, of?: string) => (await import('./commands/rollout.ts')).artifact(what, name, of, flags, places, io())));

  command('keys', 'the keys that sign for the devices')
    .addArgument(verb('what to do', ['show', 'export-root', 'rotate']))
    .argument('[file]', 'export-root: where the root key goes; it leaves the data folder')
    .option('--passphrase-file <file>', 'the passphrase of the root key, in the first line; - for standard input')
    .addOption(new Option('--roles <names...>', 'rotate: whose keys are made anew (none: the root document alone)').choices(['root', 'release', 'freshness']))
    .option('--root <file>', 'rotate: the root key, where it was taken away')
    .option('--confirm <text>', 'export-root: "take the root key away"; rotate: "new keys"')
    .action(action(async (flags: KeysFlags, what: KeysVerb, file?: string) => (await import('./commands/keys.ts')).keys(what, file, flags, places, io())));
}

function verb(description: string, choices: readonly string[]): Argument {
  return new Argument('<what>', description).choices([...choices]);
}
