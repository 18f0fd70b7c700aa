declare module 'aedes-persistence-level' {
  import type { ClassicLevel } from 'classic-level';
  /** What aedes keeps its sessions and messages in. */
  export default function aedesPersistence(database: ClassicLevel): unknown;
}
