// The client's address. Servers write it in more than one form; applications know that of Node.

/**
 * Returns the address in `remoteAddr`, the value of REMOTE_ADDR, as `socket.remoteAddress` of Node has it: without brackets
 * (busybox) and port, IPv6 in its shortest form. Undefined when it is none: behind nginx on a Unix socket it is "unix:".
 */
export function clientAddress(remoteAddr: unknown): string | undefined {
  const given = String(remoteAddr ?? '');
  const [, inBrackets, ipv4] = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(given) ?? [];
  if (ipv4 !== undefined) return ipv4;
  const [address = '', zone] = (inBrackets ?? given).toLowerCase().split('%');
  if (!address.includes(':')) return undefined;
  if (/^::ffff:\d+\.\d+\.\d+\.\d+$/.test(address)) return address;
  const url = `http://[${address}]`;
  if (!URL.canParse(url)) return undefined;
  const shortest = new URL(url).hostname.slice(1, -1);
  return zone === undefined ? shortest : `${shortest}%${zone}`;
}

/** The same to compare by: without the interface of an address that is valid there only, and IPv4 in IPv6's form as IPv4. */
export function plainAddress(remoteAddr: unknown): string | undefined {
  const [address] = clientAddress(remoteAddr)?.split('%', 1) ?? [];
  return address?.replace(/^::ffff:(?=\d+\.)/, '');
}
