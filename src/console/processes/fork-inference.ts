/** How a process gets its inference child: forked by itself under plain Node, asked of the shell in Electron's utility processes. */
import { createNodeProcessHost } from '../jobs/node-process-host.ts';
import type { ChildHandle } from '../jobs/process-host.ts';
import { createBrokeredChildren } from './brokered-children.ts';
import { shellPort } from './utility-port.ts';

/**
 * @param entry the inference child's file; on the desktop the shell knows its own
 * @returns a function that starts one more child. Must be called in the turn in which the process starts to listen.
 */
export function inferenceForks(entry: () => string): () => ChildHandle {
  const shell = shellPort();
  if (shell) {
    const children = createBrokeredChildren(shell);
    return () => children.fork();
  }
  const host = createNodeProcessHost({ ownGroup: false });
  return () => host.fork(entry(), []);
}
