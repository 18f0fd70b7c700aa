/**
 * A report becomes a PDF in a window that nobody sees: its page comes over the program's own protocol, under a name that is used once, runs no script and
 * may fetch nothing.
 */
import { randomUUID } from 'node:crypto';
import { EdgewiseError } from '../../src/base/errors.ts';
import type { PdfPrinter } from '../../src/console/savings/print-pdf.ts';
import { APP_ORIGIN } from '../security/origin.ts';

/** As much of a window as is printed from. */
export interface PrintWindowPort {
  loadURL(url: string): Promise<void>;
  printToPdf(): Promise<Uint8Array>;
  destroy(): void;
}

export interface PagePrinter extends PdfPrinter {
  /** What stands under a path while it is being printed. */
  page(path: string): string | undefined;
}

export function createPagePrinter(open: () => PrintWindowPort): PagePrinter {
  const pages = new Map<string, string>();
  return {
    page: (path) => pages.get(path),
    async print(html) {
      const path = `/print/${randomUUID()}`;
      pages.set(path, html);
      const window = open();
      try {
        await window.loadURL(`${APP_ORIGIN}${path}`);
        return await window.printToPdf();
      } catch (cause) {
        throw new EdgewiseError('WRITE_FAILED', `The report could not be printed: ${cause instanceof Error ? cause.message : String(cause)}.`, { hint: 'Try again, or save the report as HTML with edgewise report -o FILE.html.', cause });
      } finally {
        pages.delete(path);
        window.destroy();
      }
    },
  };
}
