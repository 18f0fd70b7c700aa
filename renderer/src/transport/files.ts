/** Files between the page and the host: a model up with its progress, a model or a report down. */
import { z } from 'zod';
import { EdgewiseError } from '../../../src/base/errors.ts';
import { errorRecord } from '../../../src/contract/records/common.ts';

const uploaded = z.object({ uploadId: z.string() });
const refused = z.object({ error: errorRecord });

/**
 * Sends a file to the host.
 * @param onProgress share sent so far, 0 to 1
 * @throws EdgewiseError CANCELLED where the signal is aborted; what the host answered; INTERRUPTED where it did not
 */
export function uploadFile(file: File, onProgress: (share: number) => void, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', '/upload');
    request.responseType = 'text';
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0));
    request.addEventListener('load', () => {
      const answer = tryJson(request.responseText);
      const done = uploaded.safeParse(answer);
      if (request.status < 300 && done.success) return resolve(done.data.uploadId);
      const error = refused.safeParse(answer);
      if (error.success) return reject(new EdgewiseError(error.data.error.code, error.data.error.message, error.data.error.hint === undefined ? {} : { hint: error.data.error.hint }));
      reject(new EdgewiseError('INTERRUPTED', `The file could not be sent (status ${request.status}).`, { hint: 'Try again.' }));
    });
    request.addEventListener('error', () => reject(new EdgewiseError('INTERRUPTED', 'The connection broke while the file was being sent.', { hint: 'Try again.' })));
    request.addEventListener('abort', () => reject(new EdgewiseError('CANCELLED', 'Cancelled.')));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}

/** Lets the browser save what is at a path of the host. */
export function saveFrom(path: string): void {
  const link = document.createElement('a');
  link.href = path;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
