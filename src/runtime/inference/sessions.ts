/** The sessions of the inference child. A session that is not released leaks its weights and arena, so each has one owner here. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { InferenceSession as OrtSession, type Tensor } from 'onnxruntime-node';
import { EdgewiseError } from '../../base/errors.ts';
import type { TensorElementType, ValueDescription } from '../../base/ports.ts';

export interface OpenSession {
  readonly id: number;
  readonly threads: number;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /** @throws RUNTIME_ERROR */
  run(feeds: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Readonly<Record<string, Tensor>>>;
}

export interface Sessions {
  open(path: string, options: { readonly threads: number; readonly optimization: 'disabled' | 'basic' | 'extended' | 'all' }): Promise<OpenSession>;
  get(id: number): OpenSession;
  close(id: number): Promise<void>;
}

export function createSessions(): Sessions {
  const open = new Map<number, { readonly session: OpenSession; readonly ort: OrtSession }>();
  let count = 0;
  return {
    async open(path, { threads, optimization }) {
      const ort = await guarded('load the model', () =>
        OrtSession.create(path, {
          intraOpNumThreads: threads,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          graphOptimizationLevel: optimization,
          logSeverityLevel: 4,
          // Idle threads that spin would steal the other core from whoever decodes pictures.
          extra: { session: { intra_op: { allow_spinning: '0' } } },
        }),
      );
      const session: OpenSession = {
        id: count++,
        threads,
        inputs: describe(ort.inputMetadata),
        outputs: describe(ort.outputMetadata),
        run: (feeds, outputs) => guarded('run the model', async () => (await (outputs ? ort.run(feeds, [...outputs]) : ort.run(feeds))) as Record<string, Tensor>),
      };
      open.set(session.id, { session, ort });
      return session;
    },
    get(id) {
      const found = open.get(id);
      if (found === undefined) throw new EdgewiseError('INTERNAL', `Session ${id} is not open.`);
      return found.session;
    },
    async close(id) {
      const found = open.get(id);
      open.delete(id);
      if (found === undefined) return;
      await found.ort.release();
      collectGarbage?.();
      // What native code frees after a collection, it frees in a later turn.
      await nextTurn();
    },
  };
}

/**
 * An output tensor that nobody needs any more keeps the arena it lies in, and with it the weights of a released session, until it is
 * collected; and as its own few bytes do not press, that may be never: 60 MB were left of each session of a 32 MB model.
 */
const collectGarbage = ((): (() => void) | undefined => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('typeof gc === "function" ? gc : undefined');
  return typeof collect === 'function' ? () => void collect() : undefined;
})();

function describe(values: OrtSession['inputMetadata']): ValueDescription[] {
  return values.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type as TensorElementType, shape: value.shape.map((dim) => (dim === '' || dim === -1 ? null : dim)) }
      : { name: value.name, type: 'string', shape: [] },
  );
}

async function guarded<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw runtimeError(what, error);
  }
}

/** The runtime's own words, without its addresses and stack, and what to do. */
export function runtimeError(what: string, error: unknown): EdgewiseError {
  const text = (error instanceof Error ? error.message : String(error))
    .replace(/^Error in [^:]*:\s*/u, '')
    .replaceAll(/\s*0x[0-9a-f]+/gu, '')
    .replaceAll(/\/[^\s'"]*\/(?=[\w.-]+\.(?:cc|h)\b)/gu, '')
    .split('\nStacktrace:')[0]
    ?.trim() ?? '';
  const memory = /bad_alloc|Failed to allocate memory|out of memory|would require more than \d+ bytes|buffer allocation failed|length_error/iu.test(text);
  return new EdgewiseError(memory ? 'RESOURCE_LIMIT' : 'RUNTIME_ERROR', `onnxruntime could not ${what}: ${text.slice(0, 600)}`, {
    hint: memory
      ? 'The model needs more memory than this machine gives; use a smaller input or another machine.'
      : 'Check that the model runs in onnxruntime elsewhere; if an operator is missing, export it with a lower opset.',
    cause: error,
  });
}
