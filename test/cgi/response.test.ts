// The response of a CGI script, as a server reads it from a pipe, a socket or a file.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { response, SERVER_ERROR } from '../fakes.ts';
import { executable, launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);

const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);

const HELLO = sized('hello\n');

describe('the response', () => {
  test('PEP 3333 #56, #59, busybox: head and first block leave in one write, each later block in its own', async () => {
    expect((await launch('blocks', { mode: 'one_write' })).output).toBe(
      ["b'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\na'", "b'b'", "b'c'", ''].join('\n'),
    );
    expect((await launch('latin1', { mode: 'one_write' })).output).toBe(
      "b'Status: 200 OK\\r\\nX-Name: D\\xfcrer\\r\\nContent-Length: 2\\r\\n\\r\\n\\xc3\\xbc'\n",
    );
  });

  test('a flushed head leaves in one write of its own', async () => {
    expect((await launch('flushed', { mode: 'one_write' })).output).toBe(
      ["b'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n'", "b'late'", ''].join('\n'),
    );
  });

  test('a large first block is whole', async () => {
    const { output } = await launch('bytes');
    expect(output).toBe(sized(Buffer.from(Uint8Array.from({ length: 70_000 }, (_, at) => at % 251)).toString('latin1')));
  });

  test.each(['large', 'large-then-exit'])('no byte of 3 MB is lost: %s', async (testCase) => {
    for (const mode of ['pipes', 'fifos', 'small_pipes', 'nonblocking', 'one_socket', 'nonblocking_socket']) {
      const { output } = await launch(testCase, { mode });
      expect([mode, output.length, output === ok('x'.repeat(3_000_000))]).toEqual([mode, ok('').length + 3_000_000, true]);
    }
  });

  test('PEP 3333 #54, RFC 3875 #16: an NPH script, by name or by option, sends a whole HTTP response', async () => {
    const date = /Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/;
    const whole = (version: string) =>
      `${version} 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n`;
    const by = async (launched: object) => (await launch('hello', launched)).output.replace(date, '');
    expect(await by({ name: 'nph-cases.cjs', env: { SCRIPT_NAME: '' }, mode: 'pipes' })).toBe(whole('HTTP/1.0'));
    expect(await by({ options: { nph: true }, env: { SERVER_PROTOCOL: 'HTTP/1.1' } })).toBe(whole('HTTP/1.1'));
    expect(await by({ env: { SCRIPT_NAME: '/cgi-bin/nph-a.cgi', SERVER_PROTOCOL: 'INCLUDED' } })).toBe(whole('HTTP/1.0'));
    expect(await by({ env: { SCRIPT_FILENAME: '/x/nph-a', SCRIPT_NAME: '/a', SERVER_PROTOCOL: 'HTTP/2.0' } })).toBe(whole('HTTP/1.1'));
    expect(await by({ options: { nph: false }, name: 'nph-cases.cjs' })).toBe(HELLO);
    expect((await launch('dated', { options: { nph: true } })).output.match(/Date: /g)).toHaveLength(1);
  });

  describe('what a web server would misunderstand', () => {
    const TYPE = 'Content-Type: text/plain\r\n';
    const REST = 'Content-Length: 1\r\n';
    const located = async (STATUS: string, SERVER_SOFTWARE: string) =>
      (await launch('located', { env: { STATUS, SERVER_SOFTWARE } })).output;

    test('Apache: a 200 has no Location, all others have', async () => {
      for (const server of ['Apache', 'Apache/2.4.71 (Debian)']) {
        expect(await located('200 OK', server)).toBe(`Status: 200 OK\r\n${TYPE}${REST}\r\nx`);
        expect(await located('201 Created', server)).toBe(`Status: 201 Created\r\n${TYPE}location: /there\r\n${REST}\r\nx`);
      }
      expect(await located('200 OK', 'nginx/1.22.1')).toBe(`Status: 200 OK\r\n${TYPE}location: /there\r\n${REST}\r\nx`);
    });

    test('HAProxy with fcgiwrap: Status comes behind Location', async () => {
      const status = '307 Temporary Redirect';
      expect(await located(status, 'HAProxy 2.6.12')).toBe(`${TYPE}location: /there\r\n${REST}Status: ${status}\r\n\r\nx`);
    });
  });

  test('the response reaches standard output of every kind', async () => {
    const modes = [
      'pipes',
      'fifos',
      'one_socket',
      'tcp_socket',
      'three_sockets',
      'three_tcp_sockets',
      'listening_socket',
      'deleted_file',
      'open_pipe',
      'file',
    ];
    for (const mode of modes) {
      expect([mode, (await launch('hello', { mode })).output]).toEqual([mode, HELLO]);
    }
    expect((await launch('hello', { mode: 'terminal' })).output).toBe(HELLO.replaceAll('\r\n', '\r\r\n').replace(/\n$/, '\r\n'));
  });
});

test('PEP 3333 #79: a file goes out whole, or up to Content-Length', async () => {
  const node = readFileSync(executable());
  const { output } = await launch('file');
  expect(output === sized(node.toString('latin1'))).toBe(true);
  const part = await launch('file-part');
  expect(part.output === response('200 OK', ['Content-Length: 1000000'], node.toString('latin1', 0, 1_000_000))).toBe(true);
  expect((await launch('file-of-unknown-size')).output).toBe(ok(readFileSync('/proc/version', 'latin1')));
  expect((await launch('file-that-ends')).output).toBe(sized(''));
});

test('a call with its own streams does not end the process', async () => {
  const { output } = await launch('memory');
  const plain = response('200 OK', ['Content-Length: 3'], 'abc');
  const seen = JSON.parse(output.slice(output.indexOf('[')));
  const broken = [seen[7], response('400 Bad Request', ['Content-Type: text/plain', 'Content-Length: 16'], '400 Bad Request\n')];
  expect(broken[0]).toContain('The request body ended after 0 of 3 bytes');
  expect(seen[3]).toMatch(/^HTTP\/1.0 200 OK\r\nDate: .*\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc$/s);
  expect(seen.toSpliced(3, 1)).toEqual([
    'logged',
    plain,
    'logged',
    'logged',
    plain,
    'logged',
    broken[0],
    broken[1],
    SERVER_ERROR,
    'Status: 200 OK\r',
    'y'.repeat(15),
  ]);
});
