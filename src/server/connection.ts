// A client's connection to the development server: the variables that all its requests share, and the exchanges that its end
// interrupts.

import type { Socket } from 'node:net';
import type { Exchange } from '../gateway/exchange.ts';
import { clientGone } from '../gateway/interruptions.ts';

export class Connection {
  readonly serverName: string;
  readonly serverPort: string;
  readonly remoteAddress: string;
  readonly remotePort: string;
  /** Whether it comes by TLS, as it may below toNode(). */
  readonly isSecure: boolean;
  /** The exchanges that wait for something. A client that does not wait for answers may have several. */
  readonly waiting = new Set<Exchange>();

  /** `host` is the address that the server was told to listen on. */
  constructor(socket: Socket, host: string) {
    const isAnywhere = host === '' || host === '0.0.0.0' || host === '::';
    this.serverName = toHost(isAnywhere ? toAddress(socket.localAddress) || 'localhost' : host);
    this.serverPort = String(socket.localPort ?? 80);
    this.remoteAddress = toAddress(socket.remoteAddress);
    this.remotePort = String(socket.remotePort ?? '');
    this.isSecure = 'encrypted' in socket && socket.encrypted === true;
    socket.on('close', () => {
      for (const exchange of this.waiting) exchange.interrupt(clientGone());
    });
  }
}

/** Returns an IPv4 address as such. A socket for IPv6 has it in the form "::ffff:127.0.0.1". */
function toAddress(address = ''): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** Puts an IPv6 address in brackets. RFC 3986 §3.2.2 */
function toHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
