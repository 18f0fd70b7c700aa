/** What a wall meter is to the meter that is made of it. */
import type { WallFormat, WallSample } from './formats.ts';

export interface WallSource {
  /** Without secrets. */
  readonly name: string;
  readonly format: WallFormat;
  sample(): Promise<WallSample | { readonly failed: string }>;
  close(): Promise<void>;
}
