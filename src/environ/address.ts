// The address of the client, in the form that Node gives it. Servers write REMOTE_ADDR in other forms, too.

/**
 * Returns the address in `remoteAddr`, the value of REMOTE_ADDR, as Node's `socket.remoteAddress` would have it: without the
 * brackets that busybox adds, without a port, and IPv6 in its shortest form. Returns undefined if `remoteAddr` is no address:
 * nginx sends "unix:" for a client on a Unix socket.
 */
export function clientAddress(remoteAddr: unknown): string | undefined {
  const given = String(remoteAddr);
  const [, inBrackets, ipv4] = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(given) ?? [];
  if (ipv4 !== undefined) return ipv4;
  const [address = '', zone] = (inBrackets ?? given).toLowerCase().split('%');
  if (/^::ffff:\d+\.\d+\.\d+\.\d+$/.test(address)) return address;
  const url = `http://[${address}]`;
  if (!URL.canParse(url)) return undefined;
  const shortest = new URL(url).hostname.slice(1, -1);
  return zone === undefined ? shortest : `${shortest}%${zone}`;
}

/**
 * Returns the address in `remoteAddr` in a form to compare with others: without the zone ("%eth0") of a link-local address, and "1.2.3.4"
 * for "::ffff:1.2.3.4".
 */
export function plainAddress(remoteAddr: unknown): string | undefined {
  return clientAddress(remoteAddr)?.replace(/^::ffff:(?=\d+\.)|%.*/gs, '');
}
