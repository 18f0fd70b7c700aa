/** Documents to bytes and, after their signatures were checked, back. */
import type { z } from 'zod';
import { EdgewiseError } from '../../base/errors.ts';
import { freshnessDocument, manifestDocument, rootDocument, timeDocument, type FreshnessDocument, type ManifestDocument, type RootDocument, type TimeDocument } from '../../contract/records/artifact.ts';
import { sealDocument, type DocumentType, type OpenedDocument } from './envelope.ts';
import type { Signer } from './keys.ts';

const SCHEMAS = { root: rootDocument, freshness: freshnessDocument, manifest: manifestDocument, time: timeDocument } as const;

interface Documents {
  readonly root: RootDocument;
  readonly freshness: FreshnessDocument;
  readonly manifest: ManifestDocument;
  readonly time: TimeDocument;
}

/** @throws BAD_DOCUMENT */
export function parseDocument<T extends DocumentType>(type: T, opened: OpenedDocument): Documents[T] {
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(opened.payload));
  } catch (error) {
    throw bad(type, 'it is no JSON', error);
  }
  return checked(type, raw);
}

/** Checks the document and signs it. @throws BAD_DOCUMENT, so that nothing gets signed that no device would take */
export function signDocument<T extends DocumentType>(document: Documents[T] & { readonly type: T }, signers: readonly Signer[]): Uint8Array {
  checked(document.type, document);
  return sealDocument(document.type, Buffer.from(JSON.stringify(document)), signers);
}

function checked<T extends DocumentType>(type: T, raw: unknown): Documents[T] {
  const schema: z.ZodType = SCHEMAS[type];
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data as Documents[T];
  const issue = parsed.error.issues[0];
  throw bad(type, `${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? 'not valid'}`);
}

function bad(type: DocumentType, what: string, cause?: unknown): EdgewiseError {
  return new EdgewiseError('BAD_DOCUMENT', `The ${type} document is not valid: ${what}.`, {
    hint: 'Its signature is good, so it was published like this: publish it again, and check that the device runs a version of Edgewise that knows this format.',
    details: { type },
    ...(cause === undefined ? {} : { cause }),
  });
}
