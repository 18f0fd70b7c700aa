/** From an action in the page to what it leads to being painted; shared by the benches that drive a browser. */

/** Does something to the page and waits until what it is to lead to is painted: [to painted, to the end of the action] in ms. As text: these files are type-checked without the DOM. */
export const timed = (action: string, reached: string): string => `new Promise((done) => {
  const start = performance.now();
  let after = start;
  const painted = () => requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = () => done([performance.now() - start, after - start]); channel.port2.postMessage(0); });
  const reached = () => ${reached};
  const watching = new MutationObserver(() => { if (reached()) { watching.disconnect(); painted(); } });
  watching.observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true });
  ${action};
  after = performance.now();
})`;

const round = (value: number): number => Math.round(value * 10) / 10;

export function spreadMs(values: readonly number[]): { medianMs: number; p95Ms: number; worstMs: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
  return { medianMs: at(0.5), p95Ms: at(0.95), worstMs: at(1) };
}
