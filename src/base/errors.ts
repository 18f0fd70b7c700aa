/**
 * The one error class of the house and the list of its codes.
 *
 * A code is stable: the command line prints it, the console shows it and other programs match on it.
 * `message` says what happened and where; `hint` says what to do next.
 */

/** Every code with its process exit code: 1 failed, 2 usage, 3 bad input, 4 a gate was not met, 130 cancelled. */
export const ERROR_EXIT_CODES = {
  // a model file that cannot be accepted (reference: docs/model-files.md)
  NOT_ONNX: 3,
  TRUNCATED: 3,
  MALFORMED: 3,
  TOO_DEEP: 3,
  TOO_LARGE: 3,
  UNSUPPORTED_VERSION: 3,
  UNSUPPORTED_OP: 3,
  BAD_GRAPH: 3,
  BAD_TENSOR: 3,
  BAD_ATTRIBUTE: 3,
  EXTERNAL_FORBIDDEN: 3,
  EXTERNAL_BAD: 3,
  UNSAFE_NAME: 3,
  // other input
  FILE_NOT_FOUND: 3,
  FILE_UNREADABLE: 3,
  BAD_DATASET: 3,
  BAD_PREPROCESS: 3,
  BAD_LABELS: 3,
  BAD_RECIPE: 3,
  BAD_REQUEST: 3,
  NOT_FOUND: 3,
  NOT_QUANTIZABLE: 3,
  DATA_REQUIRED: 3,
  // the command line itself
  USAGE: 2,
  // running
  RESOURCE_LIMIT: 3,
  RUNTIME_CRASHED: 3,
  RUNTIME_ERROR: 3,
  OUTPUT_CHANGED: 1,
  // an update that a device refuses (reference: docs/artifacts.md)
  BAD_DOCUMENT: 3,
  UNTRUSTED_SIGNATURE: 3,
  EXPIRED: 3,
  OLD_VERSION: 3,
  MIXED_DOCUMENTS: 3,
  WRONG_DEVICE: 3,
  RUNTIME_UNSUITABLE: 3,
  CLOCK_WRONG: 1,
  // fetching and installing what was accepted
  WRONG_CONTENT: 3,
  ENDLESS_DATA: 3,
  UNEXPECTED_FILE: 3,
  DOWNLOAD_SLOW: 1,
  DOWNLOAD_FAILED: 1,
  SERVER_BUSY: 1,
  NO_GOOD_SLOT: 1,
  // writing
  WRITE_FAILED: 1,
  DISK_FULL: 1,
  STORE_CORRUPT: 1,
  FORBIDDEN: 1,
  CONFLICT: 1,
  INTERRUPTED: 1,
  INTERNAL: 1,
  GATE_NOT_MET: 4,
  CANCELLED: 130,
} as const;

export type ErrorCode = keyof typeof ERROR_EXIT_CODES;

/** An error as it crosses a process, the wire or the command line. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface EdgewiseErrorOptions {
  /** What the person should do next: one sentence. */
  readonly hint?: string;
  /** Where it happened, as data: byte, tensor, node, limit, path. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class EdgewiseError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: EdgewiseErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EdgewiseError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  /** The process exit code that the command line answers with. */
  get exitCode(): number {
    return ERROR_EXIT_CODES[this.code];
  }

  toRecord(): ErrorRecord {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }

  static fromRecord(record: ErrorRecord): EdgewiseError {
    return new EdgewiseError(record.code, record.message, {
      ...(record.hint === undefined ? {} : { hint: record.hint }),
      ...(record.details === undefined ? {} : { details: record.details }),
    });
  }
}

/** Any thrown thing as an EdgewiseError; what is not one becomes INTERNAL with the original as its cause. */
export function toEdgewiseError(thrown: unknown): EdgewiseError {
  if (thrown instanceof EdgewiseError) return thrown;
  if (isAbort(thrown)) return cancelled();
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new EdgewiseError('INTERNAL', message, {
    hint: 'This is a fault in Edgewise. Please report it with the steps that led here.',
    cause: thrown,
  });
}

export function cancelled(): EdgewiseError {
  return new EdgewiseError('CANCELLED', 'Cancelled.');
}

/** Throws CANCELLED when the signal has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled();
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError';
}
