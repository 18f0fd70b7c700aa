/** Which nodes a rewrite touched, by name, so that a screen can show them. A node without a name goes by its first output. */

interface NamedNode {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface TouchedNodes {
  /** There before, gone after. */
  readonly removed: readonly string[];
  /** There before and after, with another operator or other values. */
  readonly changed: readonly string[];
  readonly added: readonly string[];
}

/** What is told of each kind; a report is for people. */
const MOST_NAMES = 300;

export type NodesSeen = ReadonlyMap<string, string>;

/** Nodes as they are now, for comparing later. */
export function seeNodes(nodes: Iterable<NamedNode>): NodesSeen {
  const seen = new Map<string, string>();
  for (const { name, opType, inputs, outputs } of nodes) seen.set(name || (outputs[0] ?? ''), `${opType}\n${inputs.join('\n')}\n\n${outputs.join('\n')}`);
  return seen;
}

export function touchedNodes(before: NodesSeen, after: NodesSeen): TouchedNodes {
  const removed = [...before.keys()].filter((name) => !after.has(name));
  const changed: string[] = [];
  const added: string[] = [];
  for (const [name, now] of after) {
    const was = before.get(name);
    if (was === undefined) added.push(name);
    else if (was !== now) changed.push(name);
  }
  return bounded({ removed, changed, added });
}

/** What two rewrites touched, the second after the first. */
export function joinTouched(first: TouchedNodes | undefined, second: TouchedNodes): TouchedNodes {
  if (!first) return second;
  const both = (a: readonly string[], b: readonly string[]): string[] => [...new Set([...a, ...b])];
  return bounded({ removed: both(first.removed, second.removed), changed: both(first.changed, second.changed), added: both(first.added, second.added) });
}

function bounded({ removed, changed, added }: TouchedNodes): TouchedNodes {
  return { removed: removed.slice(0, MOST_NAMES), changed: changed.slice(0, MOST_NAMES), added: added.slice(0, MOST_NAMES) };
}
