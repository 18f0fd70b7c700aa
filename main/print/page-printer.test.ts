import { describe, expect, it } from 'vitest';
import { createAppProtocol } from '../protocol/app-protocol.ts';
import type { FileConsole } from '../protocol/page-transfers.ts';
import { createPagePrinter, type PrintWindowPort } from './page-printer.ts';

/** A window that loads as the real one does: through the protocol. */
function printing(fails = false) {
  const seen: { url: string; body: string; policy: string | null; destroyed: boolean }[] = [];
  const printer = createPagePrinter((): PrintWindowPort => {
    const window = { url: '', body: '', policy: null as string | null, destroyed: false };
    seen.push(window);
    return {
      async loadURL(url) {
        const response = await protocol({ url, method: 'GET', body: null });
        Object.assign(window, { url, body: await response.text(), policy: response.headers.get('content-security-policy') });
        if (response.status !== 200) throw new Error(`status ${response.status}`);
      },
      printToPdf: () => (fails ? Promise.reject(new Error('no printer')) : Promise.resolve(new TextEncoder().encode(`%PDF ${window.body}`))),
      destroy: () => void (window.destroyed = true),
    };
  });
  const protocol = createAppProtocol(new Map(), {} as FileConsole, (path) => printer.page(path));
  return { printer, protocol, seen };
}

describe('printing a report', () => {
  it('shows the page once, without script or anything fetched, and takes the window away', async () => {
    const { printer, protocol, seen } = printing();
    expect(new TextDecoder().decode(await printer.print('<p>saved</p>'))).toBe('%PDF <p>saved</p>');
    expect(seen).toMatchObject([{ policy: "default-src 'none'; style-src 'unsafe-inline'", destroyed: true }]);
    expect((await protocol({ url: seen[0]?.url ?? '', method: 'GET', body: null })).status).toBe(404);
  });

  it('that fails says so and leaves nothing behind', async () => {
    const { printer, protocol, seen } = printing(true);
    await expect(printer.print('<p>saved</p>')).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    expect(seen[0]?.destroyed).toBe(true);
    expect((await protocol({ url: seen[0]?.url ?? '', method: 'GET', body: null })).status).toBe(404);
  });
});
