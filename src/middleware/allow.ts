// allow(): lets only clients from certain addresses through.

import type { BlockList } from 'node:net';
import { plainAddress } from '../environ/address.ts';
import { toFunction } from '../gateway/application.ts';
import type { Application, ApplicationFunction } from '../types.ts';

/**
 * Returns `application` for clients whose REMOTE_ADDR is in `addresses`. All others get a 403, also those whose REMOTE_ADDR is
 * no address, such as "unix:". An entry is an address or a network of IPv4 or IPv6: "127.0.0.1", "10.0.0.0/8", "::1",
 * "2001:db8::/32". An IPv4 address in the form of IPv6 counts as IPv4. Throws a `TypeError` for any other entry. Behind a
 * proxy, REMOTE_ADDR is the address of the proxy.
 */
export function allow(application: Application, addresses: readonly string[]): ApplicationFunction {
  const callable = toFunction(application);
  const allowed = toBlockList(addresses);
  return (environ, startResponse) => {
    if (includesAddress(allowed, plainAddress(environ.REMOTE_ADDR))) return callable(environ, startResponse);
    startResponse('403 Forbidden', [['Content-Type', 'text/plain']]);
    return '403 Forbidden\n';
  };
}

function toBlockList(addresses: readonly string[]): BlockList {
  const { BlockList, isIP } = process.getBuiltinModule('node:net');
  const list = new BlockList();
  for (const entry of addresses) {
    const [address = '', prefix, ...rest] = entry.split('/');
    const version = isIP(address);
    const longest = version === 6 ? 128 : 32;
    const isPrefix = prefix === undefined || (/^\d+$/.test(prefix) && Number(prefix) <= longest);
    if (version === 0 || !isPrefix || rest.length > 0) {
      throw new TypeError(`An address is like "10.0.0.1", "10.0.0.0/8", "::1" or "2001:db8::/32", got ${JSON.stringify(entry)}`);
    }
    list.addSubnet(address, Number(prefix ?? longest), version === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

function includesAddress(list: BlockList, address = ''): boolean {
  const { isIP } = process.getBuiltinModule('node:net');
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
