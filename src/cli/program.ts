/** The commands and their flags. Nothing is imported for a command before it is asked for, so that `version` stays instant. */
import { Command, CommanderError, Option } from 'commander';
import { EdgewiseError, toEdgewiseError } from '../base/errors.ts';
import { addAdvisorCommand } from './advisor-command.ts';
import { wallMeterOption, withEnergy, type EnergyFlags } from './energy-options.ts';
import { addFleetCommands } from './fleet-commands.ts';
import { createIo, errorText, type Io, type Streams } from './io.ts';
import { addSavingsCommands } from './savings-commands.ts';
import { integer, readPreprocess, type PreprocessInput } from './options.ts';
import { findPlaces } from './places.ts';
import type { SimulateFlags } from './commands/simulate.ts';

interface Common {
  readonly json?: boolean;
}

interface DataFlags extends EnergyFlags {
  readonly data?: string;
  readonly labels?: string;
  readonly preprocess?: string;
  readonly samples?: number;
  readonly seed?: number;
  readonly threads?: number;
}

export interface RunOptions extends Streams {
  /** Aborted by Ctrl+C. */
  readonly signal: AbortSignal;
}

/**
 * Runs one command line.
 * @param argv what was typed after `edgewise`
 * @returns the exit code: 0 done, 1 failed, 2 usage, 3 bad input, 4 a gate was not met, 130 cancelled
 */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  const json = wantsJson(argv);
  let io: Io = createIo(json, options);
  let exitCode = 0;
  const places = findPlaces();
  const program = new Command('edgewise')
    .description('Make trained ONNX models smaller and faster, and prove it.')
    .version(places.version, '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => options.stdout.write(text), writeErr: () => {} })
    .showHelpAfterError(false)
    .enablePositionalOptions()
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 usage, 3 bad input, 4 a gate was not met, 130 cancelled.');

  const command = (name: string, summary: string): Command =>
    program.command(name).description(summary).option('--json', 'print one JSON object on standard output and nothing else').exitOverride();
  /** Commander hands the flags in before the command itself. */
  const action =
    <A extends unknown[], F>(work: (flags: F & Common, ...args: A) => Promise<void>) =>
    async (...given: unknown[]): Promise<void> => {
      const flags = given.at(-2) as F & Common;
      io = createIo(flags.json === true, options);
      await work(flags, ...(given.slice(0, -2) as A));
    };

  command('inspect', 'show what is in a model: size, inputs, outputs, cost per layer')
    .argument('<model>', 'an ONNX file')
    .action(action(async (_flags, model: string) => (await import('./commands/inspect.ts')).inspect(model, io)));

  withEnergy(withData(command('optimize', 'make a model smaller and faster, measure what that cost, and keep both')))
    .argument('<model>', 'an ONNX file')
    .requiredOption('-o, --output <file>', 'where to write the result')
    .option('--recipe <name|file>', 'a built-in recipe (simplify, int8, int8-accurate, portable, fp16, matmul-int8, matmul-int4) or a recipe file', 'int8')
    .option('--portable', 'int8 that answers alike on x86 processors without VNNI, whatever the recipe')
    .addOption(new Option('--samples <n>', 'samples to calibrate on (100)').argParser(integer(1, 100_000)))
    .addOption(new Option('--eval-samples <n>', 'at most so many of the other samples for the measurements (500)').argParser(integer(1, 1_000_000)))
    .option('--report <file>', 'write the report: .json, .html, or both where the name has neither')
    .option('--no-verify', 'do not compare outputs after the rewrites')
    .option('--keep', 'write the model even where a gate of the recipe was not met')
    .option('--external-data', 'write the weights to a file of their own beside the model, OUT.data (always so above 2 GiB)')
    .action(
      action(async (flags: DataFlags & { output: string; recipe: string; verify: boolean; portable?: boolean; keep?: boolean; externalData?: boolean; report?: string; evalSamples?: number }, model: string) => {
        const { optimize } = await import('./commands/optimize.ts');
        await optimize(model, readFlags(flags), io, options.signal, places.version);
      }),
    );

  withData(command('evaluate', 'measure top-1 and top-5 accuracy on labelled data'))
    .argument('<model>', 'an ONNX file')
    .addOption(new Option('--samples <n>', 'at most so many samples (all)').argParser(integer(1, 10_000_000)))
    .action(
      action(async (flags: DataFlags, model: string) => {
        if (flags.data === undefined) throw new EdgewiseError('USAGE', 'evaluate needs labelled data.', { hint: 'Name it with --data PATH.' });
        const { evaluate } = await import('./commands/measure.ts');
        await evaluate(model, { ...readFlags(flags), data: flags.data }, io, options.signal);
      }),
    );

  withEnergy(withData(command('compare', 'compare two models: outputs, latency, energy, size')))
    .argument('<a>', 'the reference, an ONNX file')
    .argument('<b>', 'the candidate, an ONNX file')
    .addOption(new Option('--samples <n>', 'at most so many samples (all; 32 where numbers are generated)').argParser(integer(1, 10_000_000)))
    .action(
      action(async (flags: DataFlags, a: string, b: string) => {
        const { compare } = await import('./commands/measure.ts');
        await compare(a, b, readFlags(flags), io, options.signal);
      }),
    );

  withEnergy(command('bench', 'measure latency and energy'))
    .argument('<model>', 'an ONNX file')
    .addOption(new Option('--threads <n>', 'threads inside an operator').argParser(integer(1, 256)).default(1))
    .addOption(new Option('--seconds <n>', 'measure for at most so long').argParser(integer(1, 3600)).default(5))
    .action(
      action(async (flags: EnergyFlags & { threads: number; seconds: number }, model: string) => {
        const { bench } = await import('./commands/measure.ts');
        await bench(model, flags, io, options.signal);
      }),
    );

  command('serve', 'open the console for a browser on this machine')
    .addOption(new Option('--port <n>', 'a port, or 0 for any free one').argParser(integer(0, 65_535)))
    .option('--first-run', 'put the sample model through int8 where this is the first start')
    .option('--open', 'open a browser')
    .addHelpText('after', '\nThe data folder is EDGEWISE_HOME, or the usual place for application data.')
    .action(
      action(async (flags: { port?: number; firstRun?: boolean; open?: boolean }) => {
        const { serve } = await import('./commands/serve.ts');
        await serve(flags, places, io, options.signal);
      }),
    );

  command('simulate', 'open the console with a fleet of simulated devices')
    .addOption(new Option('--stores <n>', 'stores, in real cities').argParser(integer(1, 4000)).default(40))
    .addOption(new Option('--devices <n>', 'devices in each').argParser(integer(1, 10)).default(3))
    .option('--faults <file>', 'what goes wrong, and what artifacts are like (JSON, docs/fleet-live.md)')
    .addOption(new Option('--seed <n>', 'seed of what is made up').argParser(integer(0, 0xffffffff)).default(1))
    .addOption(new Option('--start-per-s <n>', 'devices that start in a second').argParser(integer(1, 1000)).default(40))
    .addOption(new Option('--telemetry <s>', 'seconds between two batches of measurements').argParser(integer(1, 3600)).default(10))
    .addOption(new Option('--seconds <n>', 'end by itself after so long').argParser(integer(1, 86_400)))
    .option('--data <folder>', 'data folder, in place of the usual one')
    .option('--no-page', 'without the page')
    .action(
      action(async (flags: SimulateFlags) => {
        const { simulate } = await import('./commands/simulate.ts');
        await simulate(flags, places, io, options.signal);
      }),
    );

  addAdvisorCommand(command, action, places, () => io, options.signal);
  addFleetCommands(command, action, places, () => io, options.signal);
  addSavingsCommands(command, action, places, () => io);

  command('doctor', 'show what this machine has and lacks')
    .addOption(wallMeterOption())
    .action(
      action(async (flags: { wallMeter?: string }) => {
        const { doctor } = await import('./commands/doctor.ts');
        if (!(await doctor(places, io, flags))) exitCode = 1;
      }),
    );

  command('version', 'print the version').action(action(async () => io.result({ version: places.version, node: process.versions.node }, () => places.version)));

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    io.endProgress();
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    const error = thrown instanceof CommanderError ? usageError(thrown) : toEdgewiseError(thrown);
    const { code, message, hint = defaultHint(error) } = error.toRecord();
    // After a result has been printed (a gate that was not met) standard output already holds its one object.
    if (json && code !== 'GATE_NOT_MET') options.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
    else options.stderr.write(`${errorText(error.toRecord())}\n`);
    if (code === 'INTERNAL' && thrown instanceof Error && process.env['EDGEWISE_DEBUG'] !== undefined) options.stderr.write(`${thrown.stack ?? ''}\n`);
    return error.exitCode;
  }
}

function withData(command: Command): Command {
  return command
    .option('--data <path>', 'samples: a folder of pictures (one folder per class where labelled), IDX, NPY, NPZ or CSV')
    .option('--labels <file>', 'labels, where they are not in the data itself')
    .option('--preprocess <file|json>', 'how a picture becomes a tensor; guessed from the model where left out')
    .addOption(new Option('--seed <n>', 'seed of every random choice').argParser(integer(0, 0xffffffff)))
    .addOption(new Option('--threads <n>', 'threads of the latency measurement').argParser(integer(1, 256)));
}

/** The flags with `--preprocess` read. */
function readFlags<F extends DataFlags>(flags: F): Omit<F, 'preprocess'> & { preprocess?: PreprocessInput } {
  for (const name of ['data', 'labels', 'preprocess'] as const) {
    if (flags[name] === '') throw new EdgewiseError('USAGE', `--${name} is empty.`, { hint: `Name what it should be, or leave --${name} out.` });
  }
  const { preprocess, ...rest } = flags;
  return preprocess === undefined ? rest : { ...rest, preprocess: readPreprocess(preprocess) };
}

/** Also where the command line itself is wrong, a program that asked for JSON gets JSON. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

/** Programs read all three fields, so there is always a next step. */
function defaultHint({ exitCode }: EdgewiseError): string {
  if (exitCode === 130) return 'Nothing was written. Run the command again to start over.';
  return exitCode === 3 ? 'Check what the message names, and run the command again.' : 'Run the command again; if it fails in the same way, run: edgewise doctor';
}

function usageError(error: CommanderError): EdgewiseError {
  if (error.code === 'commander.help') return new EdgewiseError('USAGE', 'No command was given.', { hint: 'Run: edgewise --help' });
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const sentence = message.charAt(0).toUpperCase() + message.slice(1);
  return new EdgewiseError('USAGE', sentence.endsWith('.') ? sentence : `${sentence}.`, { hint: [...rest.map((line) => line.trim()), 'Run: edgewise --help'].filter((line) => line !== '').join(' ') });
}
