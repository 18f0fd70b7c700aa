/** What a device trusts: made once from the root that it is shipped with, then only moved forward by signed documents. */
import { EdgewiseError } from '../../base/errors.ts';
import { type RootDocument, type TrustState } from '../../contract/records/artifact.ts';
import { parseDocument } from './documents.ts';
import { openDocument, unverifiedDocument } from './envelope.ts';

/** @param root comes with the device's own program or from its enrolment, over a way that is trusted */
export function initialTrust(root: RootDocument): TrustState {
  return { format: 1, root, freshness: null, manifests: [], timeFloor: root.issuedAt };
}

/**
 * The same from the signed root document that came with the enrolment: it must be signed by a threshold of its own root keys.
 * @throws ENDLESS_DATA, BAD_DOCUMENT, UNTRUSTED_SIGNATURE
 */
export function trustFromRoot(envelope: Uint8Array): TrustState {
  const root = parseDocument('root', unverifiedDocument('root', envelope));
  openDocument('root', envelope, root, 'root');
  return initialTrust(root);
}

/**
 * Follows one rotation. The new root needs a threshold of the keys before it, checked before it is parsed, and a threshold of its own, so
 * that nobody hands over to keys that nobody holds. An expired root may still hand over.
 *
 * What a role's old keys said is forgotten when those of them that stay can no longer reach the threshold: so a thief's huge version
 * numbers and times go with the keys, while nothing that those keys signed before can be played again.
 * @throws ENDLESS_DATA, BAD_DOCUMENT, UNTRUSTED_SIGNATURE, OLD_VERSION
 */
export function rotateRoot(state: TrustState, envelope: Uint8Array): TrustState {
  const opened = openDocument('root', envelope, state.root, 'root');
  const root = parseDocument('root', opened);
  const before = state.root;
  if (root.version <= before.version) {
    throw new EdgewiseError('OLD_VERSION', `The root document has version ${root.version}; this device trusts version ${before.version} already.`, {
      hint: 'Send the root documents that follow it.',
      details: { type: 'root', version: root.version, known: before.version },
    });
  }
  if (root.version !== before.version + 1) {
    throw new EdgewiseError('BAD_DOCUMENT', `The root document has version ${root.version} where ${before.version + 1} must come next.`, {
      hint: 'Send every root document in between: each is signed by the keys of the one before it.',
      details: { type: 'root', version: root.version, known: before.version },
    });
  }
  openDocument('root', envelope, root, 'root');
  const replaced = (role: 'release' | 'freshness'): boolean => {
    const stay = root.roles[role].keyIds.filter((id) => before.roles[role].keyIds.includes(id));
    return stay.length < root.roles[role].threshold;
  };
  return {
    format: 1,
    root,
    freshness: replaced('freshness') ? null : state.freshness,
    manifests: replaced('release') ? [] : state.manifests,
    timeFloor: replaced('freshness') ? root.issuedAt : state.timeFloor,
  };
}
