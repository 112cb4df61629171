// The response head as a byte string: for a web server that completes it (RFC 3875 §6), or a whole HTTP head for a script whose
// output the server passes on unchanged (NPH, RFC 3875 §5).

import type { Header } from '../types.ts';

/** Returns a head as a byte string, with the empty line at its end. */
export type RenderHead = (status: string, headers: readonly Header[]) => string;

/** Returns how to write a head for the web server in SERVER_SOFTWARE. */
export function headFor(serverSoftware: unknown): RenderHead {
  if (typeof serverSoftware !== 'string') return cgiHead;
  return serverSoftware.startsWith('Apache') ? apacheHead : serverSoftware.startsWith('HAProxy') ? haproxyHead : cgiHead;
}

/** Writes `Status` first: busybox looks for it only in the first 8 bytes. */
const cgiHead: RenderHead = (status, headers) => `Status: ${status}\r\n${headerLines(headers)}\r\n`;

/**
 * Leaves Location out of a 200, in which it has no meaning (RFC 9110 §10.2.2). Apache takes a 200 with a Location for a
 * redirect even though there is a Status: it drops the body, and answers with what it finds at that path, or with a 302.
 */
const apacheHead: RenderHead = (status, headers) =>
  cgiHead(status, status.startsWith('200') ? headers.filter(([name]) => name.toLowerCase() !== 'location') : headers);

/** Writes `Status` last: HAProxy takes any Location for a 302, unless a Status comes after it. */
const haproxyHead: RenderHead = (status, headers) => `${headerLines(headers)}Status: ${status}\r\n\r\n`;

/** Returns how to write a whole HTTP head. SERVER_PROTOCOL says which version; the connection is closed. RFC 3875 #16 */
export function nphHead(serverProtocol: string): RenderHead {
  const version = /^(?:INCLUDED|HTTP\/(?:0\.9|1\.0))$/i.test(serverProtocol) ? 'HTTP/1.0' : 'HTTP/1.1';
  return (status, headers) => {
    const hasDate = headers.some(([name]) => name.toLowerCase() === 'date');
    const date = hasDate ? '' : `Date: ${new Date().toUTCString()}\r\n`;
    return `${version} ${status}\r\n${date}${headerLines(headers)}Connection: close\r\n\r\n`;
  };
}

/** Whether servers take the script for NPH, which they do by the beginning of its file name. RFC 3875 #51 */
export function isNph(scriptFile: string): boolean {
  return scriptFile.startsWith('nph-', scriptFile.lastIndexOf('/') + 1);
}

function headerLines(headers: readonly Header[]): string {
  let text = '';
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return text;
}
