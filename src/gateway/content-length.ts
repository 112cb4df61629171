// Content-Length in the head of a response.

import type { Header } from '../types.ts';

/** Whether `header` is Content-Length. Comparing the length of the name first saves lower-casing all other names. */
export function isContentLength(header: Header): boolean {
  return header[0].length === 14 && header[0].toLowerCase() === 'content-length';
}

/** Returns how many bytes Content-Length promises; Infinity if it is not among `headers`. */
export function contentLength(headers: readonly Header[]): number {
  const header = headers.find(isContentLength);
  return header === undefined ? Infinity : Number(header[1]);
}
