// The request body of a CGI script, as a server writes it.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { response } from '../fakes.ts';
import { executable, launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);

const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);

const post = (length: number, more = {}) => ({ REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(length), ...more });

const HELLO = sized('hello\n');

const big = Buffer.alloc(20_000_000, 'abcdefghijk');

describe('the request body', () => {
  test('ends at CONTENT_LENGTH although more follows or the pipe stays open', async () => {
    expect((await launch('echo', { env: post(3), input: 'abcdef' })).output).toBe(sized('abc'));
    expect((await launch('echo', { mode: 'open_pipe', env: post(3), input: 'abc' })).output).toBe(sized('abc'));
    expect((await launch('hello', { mode: 'open_pipe' })).output).toBe(HELLO);
  });

  test.each(['pipes', 'one_socket', 'tcp_socket', 'nonblocking', 'nonblocking_socket', 'deleted_file', 'slow_upload', 'small_pipes'])(
    'from %s',
    async (mode) => {
      const input = Buffer.alloc(30_000, 'abcdefg');
      expect((await launch('echo', { mode, env: post(input.length), input })).output).toBe(sized(input.toString()));
      expect((await launch('async-echo', { mode, env: post(input.length), input })).output).toBe(ok(input.toString()));
    },
  );

  test.each(['pipes', 'foreign_pipes', 'nonblocking', 'one_socket', 'deleted_file'])(
    'block by block, as it arrives, from %s',
    async (mode) => {
      const input = Buffer.alloc(200_000, 'abcdefg');
      const { output } = await launch('async-whole', { mode, env: post(input.length), input });
      expect(output).toBe(sized(input.toString()));
    },
  );

  test('from a terminal', async () => {
    expect((await launch('echo', { mode: 'terminal', env: post(3), input: 'ab\n' })).output).toMatch(/\r\nab\r\n$/);
  });

  test('a body that breaks off is an error, from a pipe, a file, a closed descriptor', async () => {
    const answer = response('400 Bad Request', ['Content-Type: text/plain', 'Content-Length: 16'], '400 Bad Request\n');
    for (const [mode, input, CLOSED] of [
      ['pipes', 'abc', ''],
      ['deleted_file', 'abc', ''],
      ['closed', '', '0'],
      ['reset', 'abc', ''],
    ] as const) {
      for (const testCase of ['echo', 'async-echo']) {
        const { output, errors } = await launch(testCase, { mode, input, env: post(5, { CLOSED }) });
        if (testCase === 'echo') expect([mode, output]).toEqual([mode, answer]);
        expect(errors).toContain(`The request body ended after ${input.length} of 5 bytes`);
      }
    }
  });

  test('PEP 3333 #31: a chunked body is read to its end where the server decodes it, and refused elsewhere', async () => {
    const env = { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE: 'Apache/2.4' };
    expect((await launch('echo', { env, input: 'abc' })).output).toBe(sized('abc'));
    expect((await launch('echo', { mode: 'open_pipe', env: { ...env, SERVER_SOFTWARE: 'uWSGI' } })).output).toMatch(/^Status: 411 /);
  });

  test('maxBodySize refuses it before the application runs, and while it is read', async () => {
    const options = { maxBodySize: 10 };
    expect((await launch('throw', { options, env: post(11), input: 'x'.repeat(11) })).output).toMatch(/^Status: 413 Content Too Large\r\n/);
    const env = { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE: 'Apache' };
    expect((await launch('echo', { options, env, input: 'x'.repeat(11) })).output).toMatch(/^Status: 413 /);
  });

  test.each(['writes_first', 'one_socket', 'tcp_socket', 'small_pipes'])(
    '%s, when the server reads nothing before the whole request body is taken',
    async (mode) => {
      const { output } = await launch('write-then-read', { mode, env: post(big.length), input: big });
      expect(output).toBe(ok(`${'x'.repeat(2_000_000)}${big.length}`));
      expect((await launch('length', { mode, env: post(big.length), input: big })).output).toBe(sized(String(big.length)));
    },
  );

  test('mod_cgid: the gateway takes an unread body, so that the response is not lost', async () => {
    for (const mode of ['writes_first', 'fifos_written_first', 'one_socket', 'tcp_socket']) {
      expect([mode, (await launch('unread', { mode, env: post(big.length), input: big })).output]).toEqual([mode, sized('unread\n')]);
    }
    expect((await launch('unread', { mode: 'one_socket', env: post(big.length), input: big, options: { maxBodySize: 5 } })).output).toMatch(
      /^Status: 413 /,
    );
  });

  test('of a chunked body that is larger than maxBodySize the rest is taken before a long response', async () => {
    const env = { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE: 'Apache/2.4' };
    for (const mode of ['writes_first', 'small_pipes']) {
      const { output } = await launch('write-large', { mode, env, input: big, options: { maxBodySize: 5 } });
      expect([mode, output]).toEqual([mode, ok('x'.repeat(2_000_000))]);
    }
  });

  test('a block leaves before the next one of the body is asked for', async () => {
    const input = 'abcdefgh';
    expect((await launch('in-step', { mode: 'in_step', env: post(input.length), input })).output).toBe(ok(`begin${input}`));
  });

  test.each(['pipes', 'fifos', 'writes_first', 'fifos_written_first', 'one_socket', 'slow_upload'])(
    'the gateway reads the body ahead while it writes the response: %s',
    async (mode) => {
      const input = Buffer.alloc(300_000, 'abcdefg');
      const env = post(input.length);
      expect((await launch('read-ahead', { mode, env, input })).output).toBe(ok(`${'x'.repeat(2_000_000)}300000`));
      const { output } = await launch('file-read-ahead', { mode, env, input });
      expect(output === sized(readFileSync(executable(), 'latin1'))).toBe(true);
      expect((await launch('unread-read-ahead', { mode, env, input })).output).toBe(sized('unread\n'));
    },
  );

  test('after the timeout a block that waits for the body is not written', async () => {
    const launched = { mode: 'body_after_log', env: post(10), input: 'x'.repeat(10), options: { timeout: 50 } };
    const blocks = await launch('read-ahead', launched);
    expect([blocks.output, blocks.errors]).toEqual(['', expect.stringContaining('[timeout]')]);
    const file = await launch('file-read-ahead', launched);
    expect(file.output.slice(file.output.indexOf('\r\n\r\n') + 4)).toBe(readFileSync(executable()).toString('latin1', 0, 1000));
  });

  test('asynchronous iteration leaves the event loop free', async () => {
    expect((await launch('timers-run', { mode: 'slow_upload', env: post(9), input: 'abcdefghi' })).output).toBe(sized('ticked\n'));
  });

  test('a read that never returns does not keep the process alive', async () => {
    const { output } = await launch('pending-read', { mode: 'open_pipe', env: post(9), input: '' });
    expect(output).toBe(sized('did not wait\n'));
  });
});
