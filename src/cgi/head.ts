// The response head as a byte string: for a web server that completes it (RFC 3875 §6), or whole, for
// a script whose output goes to the client unchanged (NPH, RFC 3875 §5).

import type { Header } from '../types.ts';

export type RenderHead = (status: string, headers: readonly Header[]) => string;

/** `Status` comes first: busybox looks for it in the first 8 bytes only. */
export const cgiHead: RenderHead = (status, headers) => `Status: ${status}\r\n${lines(headers)}\r\n`;

/** The same with `Status` last: of Status and Location, HAProxy believes what it reads last, and takes any Location for a 302. */
export const haproxyHead: RenderHead = (status, headers) => `${lines(headers)}Status: ${status}\r\n\r\n`;

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
