import { expect, test } from 'vitest';
import { clientAddress, plainAddress } from '../../src/environ/address.ts';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['192.168.100.200:5000', '192.168.100.200'],
  ['10.0.0.1x', undefined],
  ['10.0.0', undefined],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['[::1]x', undefined],
  ['[2001:DB8::1]:80', '2001:db8::1'],
  ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::FFFF:192.168.100.200', '::ffff:192.168.100.200'],
  ['::ffff:10.0.0.1x', undefined],
  ['1::ffff:10.0.0.1', '1::ffff:a00:1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['unix:', undefined],
  ['', undefined],
  ['host.example', undefined],
  ['[', undefined],
  [undefined, undefined],
])('a REMOTE_ADDR of %j is the address %j', (given, expected) => expect(clientAddress(given)).toBe(expected));

test.each([
  ['192.168.100.200', '192.168.100.200'],
  ['[::ffff:192.168.100.200]:80', '192.168.100.200'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::ffff:0:1', '::ffff:0:1'],
  ['unix:', undefined],
])('to compare with others, a REMOTE_ADDR of %j is %j', (given, expected) => expect(plainAddress(given)).toBe(expected));
