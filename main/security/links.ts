/** Links that leave Edgewise go to the person's browser: https only, and to these hosts only. */

export const EXTERNAL_HOSTS: readonly string[] = ['onnx.ai', 'onnxruntime.ai'];

/** The address to hand to the browser, normalized; undefined where the link is refused. */
export function externalLink(address: string): string | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.protocol !== 'https:' || url.port !== '' || url.username !== '' || url.password !== '') return undefined;
  return EXTERNAL_HOSTS.includes(url.hostname) ? url.href : undefined;
}
