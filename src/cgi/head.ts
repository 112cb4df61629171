// The response head as a byte string: for a web server that completes it (RFC 3875 §6), or whole, for
// a script whose output goes to the client unchanged (NPH, RFC 3875 §5).

import type { Header } from '../types.ts';

export type RenderHead = (status: string, headers: readonly Header[]) => string;

/** Returns how a head is written for the web server that SERVER_SOFTWARE names. */
export function headFor(server: unknown): RenderHead {
  if (typeof server !== 'string') return cgiHead;
  return server.startsWith('Apache') ? apacheHead : server.startsWith('HAProxy') ? haproxyHead : cgiHead;
}

/** `Status` comes first: busybox looks for it in the first 8 bytes only. */
const cgiHead: RenderHead = (status, headers) => `Status: ${status}\r\n${lines(headers)}\r\n`;

/**
 * Apache takes a 200 with a Location for a redirect, although a Status is there: it drops the body, and answers with what
 * it finds at that path, or with a 302. In a 200 a Location has no meaning (RFC 9110 §10.2.2), so it is left out.
 */
const apacheHead: RenderHead = (status, headers) =>
  cgiHead(status, status.startsWith('200') ? headers.filter(([name]) => name.toLowerCase() !== 'location') : headers);

/** `Status` comes last: of Status and Location, HAProxy believes what it reads last, and takes any Location for a 302. */
const haproxyHead: RenderHead = (status, headers) => `${lines(headers)}Status: ${status}\r\n\r\n`;

/** RFC 3875 #16: the form follows SERVER_PROTOCOL, and the connection is not kept. */
export function nphHead(serverProtocol: string): RenderHead {
  const version = /^(?:INCLUDED|HTTP\/(?:0\.9|1\.0))$/i.test(serverProtocol) ? 'HTTP/1.0' : 'HTTP/1.1';
  return (status, headers) => {
    const hasDate = headers.some(([name]) => name.toLowerCase() === 'date');
    const date = hasDate ? '' : `Date: ${new Date().toUTCString()}\r\n`;
    return `${version} ${status}\r\n${date}${lines(headers)}Connection: close\r\n\r\n`;
  };
}

/** By custom a script is NPH when the last part of its name says so. RFC 3875 #51 */
export function isNph(scriptFile: string): boolean {
  return scriptFile.startsWith('nph-', scriptFile.lastIndexOf('/') + 1);
}

function lines(headers: readonly Header[]): string {
  let text = '';
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return text;
}
