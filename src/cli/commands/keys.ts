/** `edgewise keys ...`: the keys that sign for the devices. A passphrase comes from a file or standard input, so that it stands in no history of a shell. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { RouteInput, RouteOutput } from '../../contract/rpc/routes.ts';
import { withConsole } from '../console-client.ts';
import { tableText, type Io } from '../io.ts';
import type { Places } from '../places.ts';

export type KeysVerb = 'show' | 'export-root' | 'rotate';

export interface KeysFlags {
  /** A file, or `-` for standard input. */
  readonly passphraseFile?: string;
  readonly roles?: string[];
  /** Where the root key was taken to. */
  readonly root?: string;
  readonly confirm?: string;
}

type Role = RouteInput<'artifacts.rotate'>['roles'][number];

/** @param file export-root: where the key goes, which must not be there yet */
export async function keys(verb: KeysVerb, file: string | undefined, flags: KeysFlags, places: Places, io: Io): Promise<void> {
  await withConsole(places, async (call) => {
    const status = await answer();
    io.result(status, () => textOf(status));

    function answer(): Promise<RouteOutput<'artifacts.keys'>> {
      const confirm = flags.confirm ?? '';
      if (verb === 'show') return call('artifacts.keys', {});
      if (verb === 'export-root') {
        if (file === undefined) throw new EdgewiseError('USAGE', 'keys export-root needs a file for the key.', { hint: 'For example: edgewise keys export-root /media/stick/root.pem --passphrase-file - --confirm "take the root key away"' });
        return call('artifacts.exportRoot', { path: resolve(file), passphrase: passphrase(flags.passphraseFile), confirm });
      }
      const root = flags.root === undefined ? null : { path: resolve(flags.root), passphrase: passphrase(flags.passphraseFile) };
      return call('artifacts.rotate', { roles: (flags.roles ?? []) as Role[], root, confirm });
    }
  });
}

/** The first line; the console judges its length. */
function passphrase(file: string | undefined): string {
  if (file === undefined) throw new EdgewiseError('USAGE', 'The key is encrypted with a passphrase: --passphrase-file is missing.', { hint: 'Give a file with the passphrase in its first line, or - to type it.' });
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').split(/\r?\n/u, 1)[0] ?? '';
  } catch (cause) {
    throw new EdgewiseError('FILE_UNREADABLE', `The passphrase cannot be read from ${file === '-' ? 'standard input' : file}.`, { hint: 'Check the path and its rights.', cause });
  }
}

function textOf({ rootVersion, rootExpiresAt, roles, freshnessExpiresAt, warnings }: RouteOutput<'artifacts.keys'>): string {
  if (rootVersion === 0) return 'No keys yet: they are made with the first artifact that is published.';
  const held = (here: boolean): string => (here ? 'in the data folder' : 'elsewhere');
  return [
    `root document ${rootVersion}, until ${rootExpiresAt ?? 'never'}; list of current versions until ${freshnessExpiresAt ?? 'not signed yet'}`,
    tableText([['role', 'private key', 'signatures', 'key'], ...roles.map((one) => [one.role, held(one.held), `${one.threshold} of ${one.keyIds.length}`, one.keyIds.map((id) => id.slice(0, 16)).join(' ')])]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}
