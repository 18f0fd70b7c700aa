/** Compares candidates with the float model on given samples. The float model stays open, and its accuracy is measured once. */
import type { Fidelity, InferenceSession, SampleSource } from '../../base/ports.ts';
import { saveModel } from '../onnx/index.ts';
import type { Model } from '../onnx/types.ts';
import type { CalibrationContext } from './probe-model.ts';

/** How a candidate stands against the float model. */
export interface Verdict extends Fidelity {
  /** Share of labelled samples that it answers rightly less; null where there are no labels, or nobody asked. */
  readonly top1Drop: number | null;
}

export class Judge {
  readonly #float: Model;
  readonly #context: CalibrationContext;
  #reference: InferenceSession | undefined;
  readonly #accuracy = new Map<SampleSource, number>();

  constructor(float: Model, context: CalibrationContext) {
    this.#float = float;
    this.#context = context;
  }

  /** @param labels measure the drop in accuracy too */
  async compare(candidate: Model, source: SampleSource, labels = false): Promise<Verdict> {
    const { runner, workspace, signal, labelled } = this.#context;
    this.#reference ??= await runner.open((await saveModel(workspace, 'float.onnx', this.#float, { scratch: true })).path, { signal });
    const session = await runner.open((await saveModel(workspace, 'candidate.onnx', candidate, { scratch: true })).path, { signal });
    try {
      const fidelity = await runner.compare(this.#reference, session, source, { signal });
      if (!labels || !labelled) return { ...fidelity, top1Drop: null };
      let before = this.#accuracy.get(source);
      if (before === undefined) this.#accuracy.set(source, (before = (await runner.evaluate(this.#reference, source, { signal })).top1));
      return { ...fidelity, top1Drop: before - (await runner.evaluate(session, source, { signal })).top1 };
    } finally {
      await runner.close(session);
    }
  }

  async dispose(): Promise<void> {
    if (this.#reference) await this.#context.runner.close(this.#reference);
  }
}

/** Signal to noise as a number to compare: identical outputs are the best there is. */
export function decibels({ sqnrDb }: Pick<Fidelity, 'sqnrDb'>): number {
  return sqnrDb ?? Number.POSITIVE_INFINITY;
}
