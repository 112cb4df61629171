import { expect, test } from 'vitest';
import { allow } from '../../src/middleware/index.ts';
import { call } from '../../src/testing/index.ts';
import { answering, checked } from './applications.ts';

const inside = ['127.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', '192.168.1.77/24', 'fe80::1'];
const application = checked((inner) => allow(inner, inside))(answering('in'));

test.each<[string | undefined, boolean]>([
  ['127.0.0.1', true],
  ['127.0.0.2', false],
  ['10.255.3.4', true],
  ['11.0.0.0', false],
  ['192.168.1.3', true],
  ['192.168.2.3', false],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::2', false],
  ['2001:db8:ffff::9', true],
  ['2001:DB8::1', true],
  ['2001:db9::', false],
  ['::ffff:10.1.2.3', true],
  ['::FFFF:11.1.2.3', false],
  ['fe80::1%eth0', true],
  ['', false],
  [undefined, false],
  ['unix:', false],
  ['10.0.0.1, 9.9.9.9', false],
  ['10.0.0.1:80', true],
  ['11.0.0.1:80', false],
  ['[::1]', true],
  ['[::1]:80', true],
  ['[::2]:80', false],
  ['[::ffff:10.1.2.3]:80', true],
  ['[10.0.0.1]', false],
  ['::ffff:a01:203', true],
  ['::ffff:b01:203', false],
  ['::10.1.2.3', false],
  ['[::1', false],
  ['10.0.0.1:', false],
  ['10.0.0.1:80:80', false],
  ['999.0.0.1', false],
  ['010.0.0.1', false],
])('%j is let in: %j', async (address, isIn) => {
  const { status, text } = await call(application, { environ: { REMOTE_ADDR: address ?? '' } });
  expect([status, text]).toEqual(isIn ? ['200 OK', 'in'] : ['403 Forbidden', '403 Forbidden\n']);
});

test.each(['10.0.0', '10.0.0.0/33', '::1/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/a', 'example.org', ''])(
  '%j is refused as an address',
  (entry) => {
    expect(() => allow(answering('in'), [entry])).toThrow(
      new TypeError(`An address is like "10.0.0.1", "10.0.0.0/8", "::1" or "2001:db8::/32", got ${JSON.stringify(entry)}`),
    );
  },
);

test('an empty list lets nobody in', async () => {
  expect((await call(allow(answering('in'), []))).status).toBe('403 Forbidden');
});
