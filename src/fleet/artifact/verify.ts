/**
 * Whether a device takes an update: one decision from what it trusts, the documents that came, its clock and what it is.
 * Nothing here reads a clock, a file or a socket.
 */
import { EdgewiseError } from '../../base/errors.ts';
import type { ArtifactVariant, FreshnessDocument, ListedManifest, ManifestDocument, TrustState } from '../../contract/records/artifact.ts';
import { refuseIssuedLater, trustedNow, type SignedTime } from './clock.ts';
import { parseDocument } from './documents.ts';
import { ENVELOPE_OVERHEAD, openDocument } from './envelope.ts';
import { rotateRoot } from './trust.ts';

/** Signed bytes as they came; none of them is believed. */
export interface UpdateDocuments {
  /** The root documents after the one that the device trusts, in order. */
  readonly roots: readonly Uint8Array[];
  readonly freshness: Uint8Array;
  readonly manifest: Uint8Array;
  readonly time?: SignedTime;
}

export interface DeviceFacts {
  /** `linux-x64`, `linux-arm64`. */
  readonly hardware: string;
  readonly deviceClass: string;
  readonly workload: string;
  readonly runtimes: readonly { readonly name: string; readonly version: string; readonly providers: readonly string[] }[];
}

/** What was asked for; without a version the highest that is listed. */
export interface WantedArtifact {
  readonly artifact: string;
  readonly version?: number;
}

export interface AcceptedManifest {
  /** SHA-256 of the manifest's bytes: what a device reports as installed. */
  readonly sha256: string;
  readonly manifest: ManifestDocument;
  /** The one for this device. */
  readonly variant: ArtifactVariant;
}

export interface UpdateDecision {
  /** To be saved before anything else is done, refused or not: it holds what is proven by now. */
  readonly state: TrustState;
  readonly outcome: { readonly accepted: AcceptedManifest } | { readonly refused: EdgewiseError };
}

/** @param clockMs the device's clock, milliseconds since 1970 */
export function verifyUpdate(trusted: TrustState, documents: UpdateDocuments, clockMs: number, device: DeviceFacts, wanted: WantedArtifact): UpdateDecision {
  let state = trusted;
  try {
    for (const root of documents.roots) state = rotateRoot(state, root);
    const now = trustedNow(state, clockMs, documents.time);
    refuseExpired('root', state.root.expiresAt, now);
    const { freshness, sha256 } = openFreshness(state, documents.freshness, now);
    state = { ...state, freshness: { version: freshness.version, sha256 }, timeFloor: later(state.timeFloor, freshness.issuedAt) };
    const listed = listedFor(freshness, wanted);
    const manifest = openManifest(state, documents.manifest, listed, now);
    const variant = variantFor(manifest, device);
    const others = state.manifests.filter((known) => known.artifact !== manifest.artifact);
    state = { ...state, manifests: [...others, { artifact: manifest.artifact, version: manifest.version, sha256: listed.sha256 }] };
    return { state, outcome: { accepted: { sha256: listed.sha256, manifest, variant } } };
  } catch (error) {
    if (error instanceof EdgewiseError) return { state, outcome: { refused: error } };
    throw error;
  }
}

function openFreshness(state: TrustState, envelope: Uint8Array, now: number): { readonly freshness: FreshnessDocument; readonly sha256: string } {
  const opened = openDocument('freshness', envelope, state.root, 'freshness');
  const freshness = parseDocument('freshness', opened);
  refuseOlder('freshness', state.freshness, { version: freshness.version, sha256: opened.sha256 });
  refuseIssuedLater(freshness.issuedAt, now);
  refuseExpired('freshness', freshness.expiresAt, now);
  if (freshness.rootVersion !== state.root.version) {
    throw mixed(`the freshness document goes with root ${freshness.rootVersion}, and this device trusts root ${state.root.version}`, { rootVersion: freshness.rootVersion, known: state.root.version });
  }
  return { freshness, sha256: opened.sha256 };
}

function listedFor(freshness: FreshnessDocument, wanted: WantedArtifact): ListedManifest {
  const listed = freshness.manifests
    .filter((entry) => entry.artifact === wanted.artifact && (wanted.version === undefined || entry.version === wanted.version))
    .sort((a, b) => b.version - a.version)[0];
  if (listed !== undefined) return listed;
  const which = wanted.version === undefined ? wanted.artifact : `${wanted.artifact} version ${wanted.version}`;
  throw mixed(`${which} is not among the current manifests`, { ...wanted });
}

function openManifest(state: TrustState, envelope: Uint8Array, listed: ListedManifest, now: number): ManifestDocument {
  if (envelope.length > listed.length + ENVELOPE_OVERHEAD) {
    throw new EdgewiseError('ENDLESS_DATA', `The manifest has ${envelope.length} bytes or more where ${listed.length} were announced.`, { hint: 'Fetch it from another server.', details: { length: listed.length } });
  }
  const opened = openDocument('manifest', envelope, state.root, 'release');
  if (opened.sha256 !== listed.sha256 || opened.payload.length !== listed.length) {
    throw mixed(`the manifest is not the one that is current as ${listed.artifact} version ${listed.version}`, { sha256: opened.sha256, listed: listed.sha256 });
  }
  const manifest = parseDocument('manifest', opened);
  if (manifest.artifact !== listed.artifact || manifest.version !== listed.version) {
    throw mixed(`the manifest is of ${manifest.artifact} version ${manifest.version} and is listed as ${listed.artifact} version ${listed.version}`, {});
  }
  const known = state.manifests.find((entry) => entry.artifact === manifest.artifact) ?? null;
  refuseOlder('manifest', known, { version: manifest.version, sha256: opened.sha256 });
  refuseIssuedLater(manifest.issuedAt, now);
  refuseExpired('manifest', manifest.expiresAt, now);
  return manifest;
}

function variantFor(manifest: ManifestDocument, device: DeviceFacts): ArtifactVariant {
  if (manifest.workload !== device.workload) throw wrongDevice(`it does ${manifest.workload}, and this device does ${device.workload}`);
  const fitting = manifest.variants.filter((variant) => variant.hardware === device.hardware && (variant.deviceClasses.length === 0 || variant.deviceClasses.includes(device.deviceClass)));
  const first = fitting[0];
  if (first === undefined) throw wrongDevice(`there is no variant for ${device.hardware}, class ${device.deviceClass}`);
  const runnable = fitting.find((variant) => device.runtimes.some((runtime) => runs(variant.runtime, runtime)));
  if (runnable !== undefined) return runnable;
  const { name, minVersion, providers } = first.runtime;
  throw new EdgewiseError('RUNTIME_UNSUITABLE', `${manifest.artifact} version ${manifest.version} needs ${name} ${minVersion} or newer with ${providers.join(' or ')}; this device has ${device.runtimes.map((runtime) => `${runtime.name} ${runtime.version} (${runtime.providers.join(', ')})`).join(', ') || 'no runtime'}.`, {
    hint: 'Update the agent on the device, or publish a variant for its runtime.',
    details: { required: first.runtime },
  });
}

function runs(required: ArtifactVariant['runtime'], runtime: DeviceFacts['runtimes'][number]): boolean {
  return runtime.name === required.name && compareVersions(runtime.version, required.minVersion) >= 0 && required.providers.some((provider) => runtime.providers.includes(provider));
}

/** Number by number; what is missing counts as 0, what is no number as -1. */
function compareVersions(a: string, b: string): number {
  const numbers = (text: string): number[] => text.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : -1));
  const [left, right] = [numbers(a), numbers(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

interface Known {
  readonly version: number;
  readonly sha256: string;
}

function refuseOlder(type: 'freshness' | 'manifest', known: Known | null, offered: Known): void {
  if (known === null || offered.version > known.version) return;
  if (offered.version === known.version && offered.sha256 === known.sha256) return;
  const what = offered.version === known.version ? 'is another document than the one of that version that this device knows' : `is older than version ${known.version}, which this device knows`;
  throw new EdgewiseError('OLD_VERSION', `The ${type} document of version ${offered.version} ${what}.`, {
    hint: 'To go back to older content, publish it again under a higher version.',
    details: { type, version: offered.version, known: known.version },
  });
}

function refuseExpired(type: string, expiresAt: string, now: number): void {
  if (now < Date.parse(expiresAt)) return;
  throw new EdgewiseError('EXPIRED', `The ${type} document expired at ${expiresAt}; by this device it is ${new Date(now).toISOString()}.`, {
    hint: 'Sign and publish a newer one. If the time above is wrong, let the device ask the server for the signed time.',
    details: { type, expiresAt, now: new Date(now).toISOString() },
  });
}

function mixed(what: string, details: Readonly<Record<string, unknown>>): EdgewiseError {
  return new EdgewiseError('MIXED_DOCUMENTS', `The documents do not belong together: ${what}.`, { hint: 'Fetch all of them again at one time.', details });
}

function wrongDevice(what: string): EdgewiseError {
  return new EdgewiseError('WRONG_DEVICE', `The manifest is not for this device: ${what}.`, { hint: 'Check the target of the rollout, and the class and workload of the device.' });
}

function later(a: string, b: string): string {
  return Date.parse(a) >= Date.parse(b) ? a : b;
}
