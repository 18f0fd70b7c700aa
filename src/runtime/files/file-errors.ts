/** What the operating system's errors mean to a person. */
import { EdgewiseError } from '../../base/errors.ts';

/** FILE_NOT_FOUND or FILE_UNREADABLE for an error of opening or reading `path`. */
export function readingFailed(path: string, error: unknown): EdgewiseError {
  if (error instanceof EdgewiseError) return error;
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new EdgewiseError('FILE_NOT_FOUND', `There is no file "${path}".`, { hint: 'Check the path and the spelling of the name.', details: { path }, cause: error });
  }
  const why = code === 'EACCES' || code === 'EPERM' ? 'permission is denied' : code === 'EISDIR' ? 'it is a folder' : (code ?? String(error));
  return new EdgewiseError('FILE_UNREADABLE', `The file "${path}" cannot be read: ${why}.`, {
    hint: code === 'EISDIR' ? 'Choose a file in that folder.' : 'Check the permissions of the file and that its disk is connected.',
    details: { path, ...(code === undefined ? {} : { system: code }) },
    cause: error,
  });
}

/** DISK_FULL or WRITE_FAILED for an error of writing `path`. */
export function writingFailed(path: string, error: unknown): EdgewiseError {
  if (error instanceof EdgewiseError) return error;
  const code = systemCode(error);
  const details = { path, ...(code === undefined ? {} : { system: code }) };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new EdgewiseError('DISK_FULL', `The disk is full: "${path}" was not written; what was there before is unchanged.`, {
      hint: 'Free some space, or choose another folder, and try again.',
      details,
      cause: error,
    });
  }
  const why =
    code === 'ENOENT' || code === 'ENOTDIR' ? 'its folder does not exist'
    : code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'permission is denied'
    : code === 'EISDIR' ? 'a folder of that name is there'
    : (code ?? String(error));
  return new EdgewiseError('WRITE_FAILED', `"${path}" was not written: ${why}.`, {
    hint: 'Choose another folder, or check its permissions and that its disk is connected.',
    details,
    cause: error,
  });
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
