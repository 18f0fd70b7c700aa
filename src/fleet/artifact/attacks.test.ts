/**
 * The attacks on an update that The Update Framework names, as far as documents go; those on the download are in
 * src/fleet/agent/install/download-attacks.test.ts. Keys and signatures are real. Each attack must end in its named refusal.
 */
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../base/errors.ts';
import type { TrustState } from '../../contract/records/artifact.ts';
import { signDocument } from './documents.ts';
import { addSignatures, ENVELOPE_OVERHEAD, MAX_DOCUMENT_BYTES } from './envelope.ts';
import { generateSigner } from './keys.ts';
import { DAY_MS, DEVICE, NOW, WANTED, at, freshnessOf, manifestOf, newKeys, plainFile, rootOf, sealAnything, updateOf, type Keys } from './testing/publisher.ts';
import { initialTrust } from './trust.ts';
import { verifyUpdate, type UpdateDocuments, type WantedArtifact } from './verify.ts';

const keys = newKeys();
const fresh = initialTrust(rootOf(keys));
const stranger = generateSigner();

function verdict(state: TrustState, documents: UpdateDocuments, clockMs: number = NOW, device = DEVICE, wanted: WantedArtifact = WANTED): ErrorCode | number {
  const { outcome } = verifyUpdate(state, documents, clockMs, device, wanted);
  if ('accepted' in outcome) return outcome.accepted.manifest.version;
  expect(outcome.refused.message).toMatch(/\w{4}/);
  expect(outcome.refused.hint).toMatch(/\w{4}/);
  return outcome.refused.code;
}

function after(state: TrustState, documents: UpdateDocuments, clockMs: number = NOW): TrustState {
  return verifyUpdate(state, documents, clockMs, DEVICE, WANTED).state;
}

/** A device that has taken version 5. */
const at5 = after(fresh, updateOf(keys, 5));

function signRoot(root: ReturnType<typeof rootOf>, ...by: readonly Keys[]): Uint8Array {
  return signDocument(root, [...new Set(by.flatMap((each) => each.root.slice(0, 2)))]);
}

describe('what is right is accepted', () => {
  it('a first update, the same once more, a newer one', () => {
    expect(verdict(fresh, updateOf(keys, 5))).toBe(5);
    expect(verdict(at5, updateOf(keys, 5))).toBe(5);
    expect(verdict(at5, updateOf(keys, 6))).toBe(6);
  });

  it('a version that is asked for beside a newer one (a canary elsewhere)', () => {
    const [stable, canary] = [manifestOf(5), manifestOf(6)];
    const documents = { roots: [], freshness: signDocument(freshnessOf(9, [stable, canary]), keys.freshness), manifest: signDocument(stable, keys.release) };
    expect(verdict(at5, documents, NOW, DEVICE, { artifact: 'flow', version: 5 })).toBe(5);
    expect(verdict(at5, { ...documents, manifest: signDocument(canary, keys.release) })).toBe(6);
  });
});

describe('arbitrary install', () => {
  const manifest = manifestOf(6);
  const listing = signDocument(freshnessOf(6, [manifest]), keys.freshness);
  it('signed by nobody, by a stranger, by the freshness key, by a root key', () => {
    for (const signers of [[], [stranger], keys.freshness, keys.root]) {
      expect(verdict(at5, { roots: [], freshness: listing, manifest: sealAnything('manifest', manifest, signers) })).toBe('UNTRUSTED_SIGNATURE');
    }
  });

  it('a stranger under the name of the release key', () => {
    const masked = { ...stranger, keyId: keys.release[0]?.keyId ?? '' };
    expect(verdict(at5, { roots: [], freshness: listing, manifest: sealAnything('manifest', manifest, [masked]) })).toBe('UNTRUSTED_SIGNATURE');
  });

  it('any changed bit of a signed document', () => {
    const good = signDocument(manifest, keys.release);
    for (let bit = 0; bit < good.length * 8; bit += 37) {
      const changed = Buffer.from(good);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdict(at5, { roots: [], freshness: listing, manifest: changed })).toMatch(/^(UNTRUSTED_SIGNATURE|BAD_DOCUMENT)$/);
    }
  });

  it('a document of another type under a good signature', () => {
    const release = sealAnything('freshness', freshnessOf(6, [manifest]), keys.release);
    expect(verdict(at5, { roots: [], freshness: release, manifest: signDocument(manifest, keys.release) })).toBe('UNTRUSTED_SIGNATURE');
    expect(verdict(at5, { roots: [], freshness: listing, manifest: sealAnything('root', manifest, keys.release) })).toBe('UNTRUSTED_SIGNATURE');
  });

  it('is seen before anything of the document is parsed', () => {
    const bomb = '['.repeat(100_000);
    expect(verdict(at5, { ...updateOf(keys, 6), freshness: sealAnything('freshness', bomb, [stranger]) })).toBe('UNTRUSTED_SIGNATURE');
    expect(verdict(at5, { ...updateOf(keys, 6), freshness: sealAnything('freshness', bomb, keys.freshness) })).toBe('BAD_DOCUMENT');
  });
});

describe('endless data', () => {
  it('a document longer than its type may be is refused unread', () => {
    const endless = Buffer.alloc(MAX_DOCUMENT_BYTES.freshness + ENVELOPE_OVERHEAD + 1);
    expect(verdict(at5, { ...updateOf(keys, 6), freshness: endless })).toBe('ENDLESS_DATA');
    expect(verdict(at5, { ...updateOf(keys, 6), roots: [endless] })).toBe('ENDLESS_DATA');
  });

  it('a manifest longer than was announced is refused unread', () => {
    const { manifest, ...others } = updateOf(keys, 6);
    expect(verdict(at5, { ...others, manifest: Buffer.concat([manifest, Buffer.alloc(ENVELOPE_OVERHEAD)]) })).toBe('ENDLESS_DATA');
  });
});

describe('extraneous files', () => {
  const withFiles = (names: readonly string[]): UpdateDocuments => {
    const manifest = { ...manifestOf(6), variants: manifestOf(6).variants.map((variant) => ({ ...variant, files: names.map((name) => plainFile(name, Buffer.from(name))) })) };
    return { roots: [], freshness: sealAnything('freshness', freshnessOf(6, [manifest]), keys.freshness), manifest: sealAnything('manifest', manifest, keys.release) };
  };
  it('names that lead out of the folder, that hide, or that come twice', () => {
    for (const names of [['../model.onnx'], ['/etc/passwd'], ['a/b'], ['a\\b'], ['..'], ['.hidden'], ['model.onnx', 'MODEL.onnx'], [''], ['a\u0000b']]) {
      expect(verdict(at5, withFiles(names))).toBe('BAD_DOCUMENT');
    }
    expect(verdict(at5, withFiles(['model.onnx', 'labels.txt']))).toBe(6);
  });

  it('fields that this version does not know', () => {
    const manifest = { ...manifestOf(6), runAfterwards: 'install.sh' };
    expect(verdict(at5, { roots: [], freshness: sealAnything('freshness', freshnessOf(6, [manifest]), keys.freshness), manifest: sealAnything('manifest', manifest, keys.release) })).toBe('BAD_DOCUMENT');
  });

  it('a file with no way to get it but a base', () => {
    const file = plainFile('model.onnx', Buffer.from('x'));
    const onlyDelta = { ...file, sources: [{ form: 'zstd-delta', base: file.sha256, blob: { sha256: file.sha256, length: 1, chunks: [file.sha256] } }] };
    const manifest = { ...manifestOf(6), variants: [{ ...manifestOf(6).variants[0], files: [onlyDelta] }] };
    const documents = { roots: [], freshness: sealAnything('freshness', freshnessOf(6, [manifest as never]), keys.freshness), manifest: sealAnything('manifest', manifest, keys.release) };
    expect(verdict(at5, documents)).toBe('BAD_DOCUMENT');
  });
});

describe('rollback', () => {
  it('an older freshness document, an older manifest under a new freshness document, another document of the same version', () => {
    expect(verdict(at5, updateOf(keys, 4))).toBe('OLD_VERSION');
    expect(verdict(at5, updateOf(keys, 4, { freshness: { version: 6 } }))).toBe('OLD_VERSION');
    expect(verdict(at5, updateOf(keys, 5, { manifest: { expiresAt: at(NOW + 91 * DAY_MS) }, freshness: { version: 6 } }))).toBe('OLD_VERSION');
    expect(verdict(at5, updateOf(keys, 6, { freshness: { version: 5 } }))).toBe('OLD_VERSION');
  });

  it('an older root document', () => {
    const two = signRoot(rootOf(keys, { version: 2 }), keys);
    const state = after(fresh, updateOf(keys, 5, { roots: [two], freshness: { rootVersion: 2 } }));
    expect(state.root.version).toBe(2);
    expect(verdict(state, updateOf(keys, 6, { roots: [two], freshness: { rootVersion: 2 } }))).toBe('OLD_VERSION');
    expect(verdict(state, updateOf(keys, 6, { roots: [signRoot(rootOf(keys), keys)] }))).toBe('OLD_VERSION');
  });
});

describe('fast-forward', () => {
  const far = Number.MAX_SAFE_INTEGER;
  it('with both online keys stolen all later versions are refused; new keys for both roles recover, and the old ones stay shut out', () => {
    const pushed = after(at5, updateOf(keys, far));
    expect(verdict(pushed, updateOf(keys, 6))).toBe('OLD_VERSION');
    const next: Keys = { ...keys, release: [generateSigner()], freshness: [generateSigner()] };
    const roots = [signRoot(rootOf(next, { version: 2 }), keys)];
    const recovered = after(pushed, updateOf(next, 6, { roots, freshness: { rootVersion: 2 } }));
    expect(verdict(pushed, updateOf(next, 6, { roots, freshness: { rootVersion: 2 } }))).toBe(6);
    expect(verdict(recovered, updateOf(next, 7, { freshness: { rootVersion: 2 } }))).toBe(7);
    expect(verdict(recovered, updateOf(keys, far, { freshness: { rootVersion: 2 } }))).toBe('UNTRUSTED_SIGNATURE');
  });

  it('the freshness key alone cannot push the version of a manifest; a new freshness key recovers', () => {
    const pushed = after(at5, { ...updateOf(keys, 5), freshness: signDocument(freshnessOf(far, [manifestOf(far)]), keys.freshness) });
    expect(pushed.freshness?.version).toBe(far);
    expect(pushed.manifests).toEqual(at5.manifests);
    const next: Keys = { ...keys, freshness: [generateSigner()] };
    const roots = [signRoot(rootOf(next, { version: 2 }), keys)];
    expect(verdict(pushed, updateOf(next, 6, { roots, freshness: { rootVersion: 2 } }))).toBe(6);
    // The release key is the same: what it has signed before stays a rollback.
    expect(verdict(pushed, updateOf(next, 4, { roots, freshness: { rootVersion: 2 } }))).toBe('OLD_VERSION');
  });

  it('the time is pushed ahead: a new freshness key recovers', () => {
    const [later, nonce] = [NOW + 300 * DAY_MS, 'ab'.repeat(16)];
    const lie = { nonce, document: signDocument({ type: 'time', format: 1, nonce, at: at(later) }, keys.freshness) };
    const pushed = after(at5, { ...updateOf(keys, 6, { freshness: { issuedAt: at(later), expiresAt: at(later + DAY_MS) } }), time: lie });
    expect(pushed.timeFloor).toBe(at(later));
    expect(verdict(pushed, updateOf(keys, 7))).toBe('CLOCK_WRONG');
    const next: Keys = { ...keys, freshness: [generateSigner()] };
    expect(verdict(pushed, updateOf(next, 7, { roots: [signRoot(rootOf(next, { version: 2 }), keys)], freshness: { rootVersion: 2 } }))).toBe(7);
  });

  it('adding a key forgets nothing', () => {
    const next: Keys = { ...keys, release: [...keys.release, generateSigner()], freshness: [...keys.freshness, generateSigner()] };
    const roots = [signRoot(rootOf(next, { version: 2 }), keys)];
    expect(verdict(at5, updateOf(keys, 4, { roots, freshness: { rootVersion: 2 } }))).toBe('OLD_VERSION');
  });
});

describe('freeze', () => {
  it('an expired freshness document, manifest or root', () => {
    expect(verdict(at5, updateOf(keys, 6), NOW + 2 * DAY_MS)).toBe('EXPIRED');
    expect(verdict(at5, updateOf(keys, 6, { manifest: { expiresAt: at(NOW - 1000) } }))).toBe('EXPIRED');
    expect(verdict(at5, updateOf(keys, 6, { freshness: { expiresAt: at(NOW + 900 * DAY_MS) } }), NOW + 400 * DAY_MS)).toBe('EXPIRED');
  });

  it('indefinite: a root that expired may still hand over, and then is not trusted itself', () => {
    const clock = NOW + 400 * DAY_MS;
    const next = rootOf(keys, { version: 2, expiresAt: at(NOW + 800 * DAY_MS) });
    const later = { freshness: { rootVersion: 2, issuedAt: at(clock), expiresAt: at(clock + DAY_MS) }, manifest: { expiresAt: at(clock + DAY_MS) } };
    expect(verdict(at5, updateOf(keys, 6, { ...later, roots: [signRoot(next, keys)] }), clock)).toBe(6);
    expect(verdict(at5, updateOf(keys, 6, { ...later, freshness: { ...later.freshness, rootVersion: 1 } }), clock)).toBe('EXPIRED');
  });
});

describe('malicious mirror', () => {
  it('whatever is delivered in place of a document is a named refusal, and the next honest server is believed', () => {
    const good = updateOf(keys, 6);
    const junk: readonly Uint8Array[] = [new Uint8Array(0), Buffer.from('<html>404</html>'), Buffer.from('EWSIGN1\n'), Buffer.from('EWSIGN1\n\u0020'), good.manifest.subarray(0, 60), good.freshness.subarray(0, -1), Buffer.from('EWSIGN1\n\u0000{}'), Buffer.alloc(5000, 255)];
    for (const bytes of junk) {
      for (const documents of [{ ...good, manifest: bytes }, { ...good, freshness: bytes }, { ...good, roots: [bytes] }]) {
        const { state, outcome } = verifyUpdate(at5, documents, NOW, DEVICE, WANTED);
        expect('refused' in outcome && outcome.refused.code).toMatch(/^(BAD_DOCUMENT|UNTRUSTED_SIGNATURE|ENDLESS_DATA)$/);
        expect(verdict(state, good)).toBe(6);
      }
    }
  });
});

describe('mix-and-match', () => {
  it('a good manifest of another moment, of another artifact, one that is not listed, one under another root', () => {
    const six = updateOf(keys, 6);
    expect(verdict(at5, { ...six, manifest: updateOf(keys, 7).manifest })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, { ...six, manifest: updateOf(keys, 6, { manifest: { artifact: 'faces' } }).manifest })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, six, NOW, DEVICE, { artifact: 'faces' })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, six, NOW, DEVICE, { artifact: 'constructor' })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, six, NOW, DEVICE, { artifact: 'flow', version: 9 })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, updateOf(keys, 6, { freshness: { rootVersion: 2 } }))).toBe('MIXED_DOCUMENTS');
  });

  it('a manifest listed under another name', () => {
    const manifest = manifestOf(6, { artifact: 'faces' });
    const listing = freshnessOf(6, [manifest]);
    const disguised = { ...listing, manifests: listing.manifests.map((entry) => ({ ...entry, artifact: 'flow' })) };
    expect(verdict(at5, { roots: [], freshness: signDocument(disguised, keys.freshness), manifest: signDocument(manifest, keys.release) })).toBe('MIXED_DOCUMENTS');
  });
});

describe('key compromise', () => {
  it('the release key alone: what it signs is not current', () => {
    const evil = sealAnything('manifest', manifestOf(6, { variants: manifestOf(666).variants }), keys.release);
    expect(verdict(at5, { ...updateOf(keys, 6), manifest: evil })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, { roots: [], freshness: sealAnything('freshness', freshnessOf(7, [manifestOf(666)]), keys.release), manifest: sealAnything('manifest', manifestOf(666), keys.release) })).toBe('UNTRUSTED_SIGNATURE');
  });

  it('the freshness key alone: it names no new file, and nothing older than what the device has', () => {
    const evil = manifestOf(6, { variants: manifestOf(666).variants });
    const listing = signDocument(freshnessOf(6, [evil]), keys.freshness);
    expect(verdict(at5, { roots: [], freshness: listing, manifest: sealAnything('manifest', evil, keys.freshness) })).toBe('UNTRUSTED_SIGNATURE');
    expect(verdict(at5, { roots: [], freshness: listing, manifest: updateOf(keys, 6).manifest })).toBe('MIXED_DOCUMENTS');
    expect(verdict(at5, updateOf(keys, 4, { freshness: { version: 6 } }))).toBe('OLD_VERSION');
  });

  it('fewer root keys than the threshold: one key, one key twice, one old and one new key', () => {
    const [first] = keys.root;
    const thief = newKeys();
    const evil = rootOf({ ...thief, root: [...(first ? [first] : []), ...thief.root] }, { version: 2 });
    for (const signers of [[first], [first, first], [first, ...thief.root], [...keys.release, ...keys.freshness, first]]) {
      const roots = [sealAnything('root', evil, signers.filter((signer) => signer !== undefined))];
      expect(verdict(at5, updateOf(thief, 6, { roots, freshness: { rootVersion: 2 } }))).toBe('UNTRUSTED_SIGNATURE');
    }
  });

  it('a root that its own keys did not sign, that skips a version, or that gives the online key a second role', () => {
    const next = newKeys();
    expect(verdict(at5, updateOf(next, 6, { roots: [signRoot(rootOf(next, { version: 2 }), keys)] }))).toBe('UNTRUSTED_SIGNATURE');
    expect(verdict(at5, updateOf(keys, 6, { roots: [signRoot(rootOf(keys, { version: 3 }), keys)] }))).toBe('BAD_DOCUMENT');
    const both: Keys = { ...keys, release: keys.freshness };
    expect(verdict(at5, updateOf(keys, 6, { roots: [sealAnything('root', rootOf(both, { version: 2 }), keys.root)] }))).toBe('BAD_DOCUMENT');
  });

  it('a key listed under an id that is not its own counts for nothing', () => {
    const [first] = keys.release;
    const forged = rootOf(keys, { version: 2 });
    const lying = { ...forged, keys: { ...forged.keys, [first?.keyId ?? '']: stranger.publicKey } };
    const documents = updateOf({ ...keys, release: [{ ...stranger, keyId: first?.keyId ?? '' }] }, 6, { roots: [signRoot(lying, keys)], freshness: { rootVersion: 2 } });
    expect(verdict(at5, documents)).toBe('UNTRUSTED_SIGNATURE');
  });

  it('all keys are changed over two rotations, and each stolen key of before is worth nothing', () => {
    const [second, third] = [newKeys(), newKeys()];
    // The two sets of keys are kept in two places, and sign one after the other.
    const handover = addSignatures('root', signRoot(rootOf(second, { version: 2 }), keys), second.root.slice(1));
    const roots = [handover, signRoot(rootOf(third, { version: 3 }), second, third)];
    const state = after(at5, updateOf(third, 6, { roots, freshness: { rootVersion: 3 } }));
    expect(verdict(at5, updateOf(third, 6, { roots, freshness: { rootVersion: 3 } }))).toBe(6);
    for (const old of [keys, second]) {
      expect(verdict(state, updateOf(old, 9, { freshness: { rootVersion: 3 } }))).toBe('UNTRUSTED_SIGNATURE');
      expect(verdict(state, updateOf(old, 9, { roots: [signRoot(rootOf(old, { version: 4 }), old)] }))).toBe('UNTRUSTED_SIGNATURE');
    }
  });
});

describe('wrong device', () => {
  it('other hardware, another class, another workload, an old runtime, none of the providers', () => {
    const update = updateOf(keys, 6);
    expect(verdict(at5, update, NOW, { ...DEVICE, hardware: 'linux-arm64' })).toBe('WRONG_DEVICE');
    expect(verdict(at5, update, NOW, { ...DEVICE, workload: 'face-recognition' })).toBe('WRONG_DEVICE');
    const classed = updateOf(keys, 6, { manifest: { variants: manifestOf(6).variants.map((variant) => ({ ...variant, deviceClasses: ['kiosk'] })) } });
    expect(verdict(at5, classed)).toBe('WRONG_DEVICE');
    expect(verdict(at5, update, NOW, { ...DEVICE, runtimes: [{ name: 'onnxruntime', version: '1.9.9', providers: ['cpu'] }] })).toBe('RUNTIME_UNSUITABLE');
    expect(verdict(at5, update, NOW, { ...DEVICE, runtimes: [{ name: 'onnxruntime', version: 'newest', providers: ['cpu'] }] })).toBe('RUNTIME_UNSUITABLE');
    expect(verdict(at5, update, NOW, { ...DEVICE, runtimes: [{ name: 'onnxruntime', version: '1.30.0', providers: ['cuda'] }] })).toBe('RUNTIME_UNSUITABLE');
    expect(verdict(at5, update, NOW, { ...DEVICE, runtimes: [] })).toBe('RUNTIME_UNSUITABLE');
  });

  it('does not raise what the device knows: the manifest was never for it', () => {
    const state = verifyUpdate(at5, updateOf(keys, 9), NOW, { ...DEVICE, hardware: 'linux-arm64' }, WANTED).state;
    expect(state.manifests).toEqual(at5.manifests);
  });
});

describe('clocks years off', () => {
  const nonce = '0123456789abcdef'.repeat(2);
  const answer = (ms: number, for_ = nonce): { nonce: string; document: Uint8Array } => ({ nonce, document: signDocument({ type: 'time', format: 1, nonce: for_, at: at(ms) }, keys.freshness) });
  const expired = updateOf(keys, 6, { freshness: { issuedAt: at(NOW - 9 * DAY_MS), expiresAt: at(NOW - 2 * DAY_MS) } });

  it.each([['1970', 0], ['ten years behind', NOW - 3650 * DAY_MS], ['ten years ahead', NOW + 3650 * DAY_MS], ['no number', Number.NaN]])('%s: nothing is installed, expired or not, and the signed time recovers', (_, clock) => {
    for (const state of [fresh, at5]) {
      expect(verdict(state, updateOf(keys, 6), clock)).toMatch(/^(CLOCK_WRONG|EXPIRED)$/);
      expect(verdict(state, expired, clock)).toMatch(/^(CLOCK_WRONG|EXPIRED)$/);
      expect(verdict(state, { ...expired, time: answer(NOW) }, clock)).toBe('EXPIRED');
      expect(verdict(state, { ...updateOf(keys, 6), time: answer(NOW) }, clock)).toBe(6);
    }
  });

  it('backwards: behind what this device has seen signed, but not behind its root', () => {
    expect(verdict(at5, expired, NOW - 5 * DAY_MS)).toBe('CLOCK_WRONG');
  });

  it('a first contact with a clock behind the freshness document', () => {
    expect(verdict(fresh, updateOf(keys, 6), NOW - 5 * DAY_MS)).toBe('CLOCK_WRONG');
  });

  it('minutes behind are no fault', () => {
    expect(verdict(at5, updateOf(keys, 6), NOW - 10 * 60_000)).toBe(6);
  });

  it('a signed time that answers another question, that is of the past, or that the wrong key signed', () => {
    expect(verdict(at5, { ...updateOf(keys, 6), time: answer(NOW, 'ff'.repeat(16)) }, 0)).toBe('CLOCK_WRONG');
    expect(verdict(at5, { ...updateOf(keys, 6), time: answer(NOW - 20 * DAY_MS) }, 0)).toBe('CLOCK_WRONG');
    const forged = { nonce, document: sealAnything('time', { type: 'time', format: 1, nonce, at: at(NOW) }, keys.release) };
    expect(verdict(at5, { ...updateOf(keys, 6), time: forged }, 0)).toBe('UNTRUSTED_SIGNATURE');
  });
});
