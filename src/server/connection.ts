// A client's connection: what is the same for all its requests, and which of them its end would interrupt.

import type { Socket } from 'node:net';
import type { Exchange } from '../gateway/exchange.ts';
import { clientGone } from '../gateway/interruptions.ts';

export class Connection {
  readonly serverName: string;
  readonly serverPort: string;
  readonly remoteAddress: string;
  readonly remotePort: string;
  /** Whether it is one of node:https, as below toNode(). */
  readonly isSecure: boolean;
  /** The exchanges that wait for something. Where requests are sent ahead, there can be several. */
  readonly waiting = new Set<Exchange>();

  /** `host` is where the server was told to listen. */
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

/** A socket for IPv6 shows an address of IPv4 as "::ffff:127.0.0.1". */
function toAddress(address = ''): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** RFC 3986 §3.2.2: an IPv6 address stands in brackets. */
function toHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
