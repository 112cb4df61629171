import { expect, test } from 'vitest';
import { clientAddress } from '../../src/environ/address.ts';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.1:5000', '127.0.0.1'],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['[2001:DB8::1]:80', '2001:db8::1'],
  ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['unix:', undefined],
  ['', undefined],
  ['host.example', undefined],
  ['[', undefined],
  [undefined, undefined],
])('a REMOTE_ADDR of %j is the address %j', (given, expected) => expect(clientAddress(given)).toBe(expected));
