/**
 * The keys that sign for the devices, and the root documents that say which they are. All of it is in one folder that can be kept elsewhere as
 * a whole: `root-N.signed`, and `KEYID.pem` for each private key that is held here (PKCS #8, mode 0600, not encrypted: whoever can read
 * the data folder as this user can sign).
 *
 * A root document is the last thing written of a change of keys. Whatever crash came before it, the old keys count and the new ones are
 * leftovers; after it, the new ones count, and what is published is signed again at the next start.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EdgewiseError } from '../../base/errors.ts';
import type { RootDocument, SigningRole } from '../../contract/records/artifact.ts';
import { signDocument } from '../../fleet/artifact/documents.ts';
import { generateSigner, signerOf, type Signer } from '../../fleet/artifact/keys.ts';
import { rotateRoot, trustFromRoot } from '../../fleet/artifact/trust.ts';
import { syncFolder, writeFileAtomically } from '../../runtime/files/write-file.ts';

/** How long a root document holds. With the root key here it is renewed in time by itself; else somebody has to. */
const ROOT_DAYS = 365;
const RENEW_ROOT_DAYS = 90;
const DAY_MS = 86_400_000;

export interface CurrentRoot {
  readonly document: RootDocument;
  readonly envelope: Uint8Array;
}

export interface SigningKeys {
  /** null: nothing was ever signed. */
  root(): CurrentRoot | null;
  /** Signed root document of that version. */
  rootEnvelope(version: number): Uint8Array | null;
  /** Makes all keys and the first root document where there are none. */
  ensure(): Promise<CurrentRoot>;
  /** Whether enough private keys of the role are here. */
  holds(role: SigningRole): boolean;
  /** @throws NOT_FOUND where the private key is not here */
  signer(role: 'release' | 'freshness'): Signer;
  /**
   * New keys for these roles, in a root document that the root keys before it have signed too. Without roles the dates alone are renewed.
   * The private keys that were replaced are removed.
   * @param offline the root key where it is not here
   * @throws FORBIDDEN where the root key is missing or another one, NOT_FOUND where there is nothing to change
   */
  rotate(roles: readonly SigningRole[], offline?: Signer): Promise<CurrentRoot>;
  /** Renews the root document's dates where it is time and the root key is here. @returns whether it did */
  renew(): Promise<boolean>;
  /**
   * Writes the root key to a new file, encrypted, and takes it out of the folder.
   * @throws CONFLICT where the file exists, NOT_FOUND where the key is not here, WRITE_FAILED
   */
  exportRoot(path: string, passphrase: string): Promise<void>;
}

/**
 * Reads the folder, and follows its root documents as a device would.
 * @param now milliseconds since 1970
 * @throws STORE_CORRUPT where they do not follow from each other
 */
export function openSigningKeys(folder: string, now: () => number): SigningKeys {
  let current = readRoots(folder);

  const keyPath = (keyId: string): string => join(folder, `${keyId}.pem`);
  const heldOf = (role: SigningRole): string[] => (current === null ? [] : current.document.roles[role].keyIds.filter((keyId) => existsSync(keyPath(keyId))));
  const enough = (role: SigningRole): boolean => current !== null && heldOf(role).length >= current.document.roles[role].threshold;

  function load(role: SigningRole, keyId: string): Signer {
    const path = keyPath(keyId);
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    const signer = signerOf(readKey(readFileSync(path), undefined, path));
    if (signer.keyId !== keyId) throw new EdgewiseError('STORE_CORRUPT', `The ${role} key in ${path} is another one than its name says.`, { hint: 'Restore the folder of the signing keys from a backup.' });
    return signer;
  }

  async function save(key: KeyObject, keyId: string): Promise<void> {
    await writeFileAtomically(keyPath(keyId), [Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }))], { mode: 0o600 });
  }

  async function commit(document: RootDocument, signers: readonly Signer[]): Promise<CurrentRoot> {
    const distinct = [...new Map(signers.map((signer) => [signer.keyId, signer])).values()];
    const envelope = signDocument(document, distinct);
    await writeFileAtomically(rootPath(folder, document.version), [envelope]);
    current = { document, envelope };
    removeOthers();
    return current;
  }

  /** Private keys that the root does not name are leftovers of a change that was cut short, or were replaced. */
  function removeOthers(): void {
    if (current === null) return;
    for (const name of readdirSync(folder)) {
      const keyId = /^([0-9a-f]{64})\.pem$/.exec(name)?.[1];
      if (keyId !== undefined && !Object.hasOwn(current.document.keys, keyId)) rmSync(join(folder, name));
    }
  }

  async function rotate(roles: readonly SigningRole[], offline?: Signer): Promise<CurrentRoot> {
    if (current === null) throw new EdgewiseError('NOT_FOUND', 'There are no keys yet: they are made with the first artifact that is published.');
    const { document } = current;
    const old = offline === undefined ? heldOf('root').map((keyId) => load('root', keyId)) : [offline];
    if (old.filter(({ keyId }) => document.roles.root.keyIds.includes(keyId)).length < document.roles.root.threshold) {
      throw new EdgewiseError('FORBIDDEN', offline === undefined ? 'The root key is not in the data folder: it was taken away.' : 'This is another key than the root key.', { hint: `Give the file of the root key ${document.roles.root.keyIds.join(', ')} and its passphrase.` });
    }
    const fresh = [...new Set(roles)].map((role) => ({ role, signer: generateSigner() }));
    for (const { signer } of fresh) await save(signer.privateKey, signer.keyId);
    const roleOf = (role: SigningRole): RootDocument['roles'][SigningRole] => {
      const made = fresh.filter((each) => each.role === role).map(({ signer }) => signer.keyId);
      return made.length === 0 ? document.roles[role] : { keyIds: made, threshold: 1 };
    };
    const next = { root: roleOf('root'), release: roleOf('release'), freshness: roleOf('freshness') };
    const named = Object.values(next).flatMap(({ keyIds }) => keyIds);
    const known: Readonly<Record<string, string>> = { ...document.keys, ...Object.fromEntries(fresh.map(({ signer }) => [signer.keyId, signer.publicKey])) };
    return commit(
      { ...document, version: document.version + 1, ...datesFrom(now()), keys: Object.fromEntries(named.map((keyId) => [keyId, known[keyId] ?? ''])), roles: next },
      [...old, ...fresh.filter(({ role }) => role === 'root').map(({ signer }) => signer)],
    );
  }

  removeOthers();
  return {
    root: () => current,
    rootEnvelope: (version) => (current === null || version > current.document.version || version < 1 ? null : readFileSync(rootPath(folder, version))),
    async ensure() {
      if (current !== null) return current;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const signers = { root: generateSigner(), release: generateSigner(), freshness: generateSigner() };
      const all = Object.values(signers);
      for (const { privateKey, keyId } of all) await save(privateKey, keyId);
      const role = ({ keyId }: Signer): RootDocument['roles'][SigningRole] => ({ keyIds: [keyId], threshold: 1 });
      const roles = { root: role(signers.root), release: role(signers.release), freshness: role(signers.freshness) };
      return commit({ type: 'root', format: 1, version: 1, ...datesFrom(now()), keys: Object.fromEntries(all.map(({ keyId, publicKey }) => [keyId, publicKey])), roles }, [signers.root]);
    },
    holds: enough,
    signer(role) {
      const [keyId] = heldOf(role);
      if (keyId !== undefined) return load(role, keyId);
      throw new EdgewiseError('NOT_FOUND', `The private ${role} key is not in ${folder}.`, { hint: 'Restore the folder of the signing keys from a backup, or make new keys with the root key.' });
    },
    rotate,
    async renew() {
      if (current === null || !enough('root') || Date.parse(current.document.expiresAt) - now() > RENEW_ROOT_DAYS * DAY_MS) return false;
      await rotate([]);
      return true;
    },
    async exportRoot(path, passphrase) {
      const [keyId] = heldOf('root');
      if (keyId === undefined) throw new EdgewiseError('NOT_FOUND', 'The root key is not in the data folder: it was taken away before, or never made.');
      const key = readKey(readFileSync(keyPath(keyId)), undefined, keyPath(keyId));
      const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
      try {
        await writeFile(path, pem, { mode: 0o600, flag: 'wx', flush: true });
        await syncFolder(dirname(path));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === 'EEXIST') throw new EdgewiseError('CONFLICT', `There is a file at ${path} already; the root key was not exported.`, { hint: 'Name a new file.' });
        throw new EdgewiseError('WRITE_FAILED', `The root key could not be written to ${path}; it is still in the data folder.`, { hint: 'Check the path and its permissions.', cause: error });
      }
      if (readSigner(path, passphrase).keyId !== keyId) throw new EdgewiseError('WRITE_FAILED', `What was written to ${path} is not the root key; it is still in the data folder.`, { hint: 'Try another disk.' });
      rmSync(keyPath(keyId));
    },
  };
}

/** A private key in a file that `exportRoot` wrote. @throws FILE_UNREADABLE */
export function readSigner(path: string, passphrase: string): Signer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (error) {
    throw new EdgewiseError('FILE_UNREADABLE', `The key in ${path} cannot be read.`, { hint: 'Check the path and its permissions.', cause: error });
  }
  return signerOf(readKey(pem, passphrase, path));
}

function readKey(pem: Buffer, passphrase: string | undefined, path: string): KeyObject {
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (error) {
    throw new EdgewiseError('FILE_UNREADABLE', `${path} holds no private key that can be read${passphrase === undefined ? '' : ' with this passphrase'}.`, { hint: 'Check the file and the passphrase.', cause: error });
  }
  throw new EdgewiseError('FILE_UNREADABLE', `The key in ${path} is no Ed25519 key.`, { hint: 'Give the file that Edgewise wrote.' });
}

function datesFrom(nowMs: number): { readonly issuedAt: string; readonly expiresAt: string } {
  return { issuedAt: new Date(nowMs).toISOString(), expiresAt: new Date(nowMs + ROOT_DAYS * DAY_MS).toISOString() };
}

function rootPath(folder: string, version: number): string {
  return join(folder, `root-${version}.signed`);
}

function readRoots(folder: string): CurrentRoot | null {
  let envelope: Uint8Array | null = null;
  try {
    if (!existsSync(rootPath(folder, 1))) return null;
    envelope = readFileSync(rootPath(folder, 1));
    let trust = trustFromRoot(envelope);
    while (existsSync(rootPath(folder, trust.root.version + 1))) {
      envelope = readFileSync(rootPath(folder, trust.root.version + 1));
      trust = rotateRoot(trust, envelope);
    }
    return { document: trust.root, envelope };
  } catch (error) {
    throw new EdgewiseError('STORE_CORRUPT', `The root documents in ${folder} do not follow from each other.`, { hint: 'Restore the folder of the signing keys from a backup: without it no device takes an update from here.', cause: error });
  }
}
