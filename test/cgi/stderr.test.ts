// The log of a CGI script.

import { describe, expect, test } from 'vitest';
import { response } from '../fakes.ts';
import { isStandalone, launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);

const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);

describe('the log', () => {
  test('standard output is the response and nothing else', async () => {
    const expected = ['printed log', 'printed error', 'printed stdout', 'printed hex', 'printed ü', 'printed stderr'];
    for (const [env, first] of [
      [{}, ''],
      // A built file keeps standard output from its beginning.
      [{ BEFORE: 'print' }, isStandalone ? '' : 'printed before\n'],
    ] as const) {
      const { output, errors } = await launch('print', { env });
      // What was printed before the call is beyond help, what comes after is not.
      expect(output).toBe(first + sized('fd 2\n'));
      for (const line of expected) expect(errors).toContain(`${line}\n`);
    }
  });

  test('after guardStdout(), output of modules that print while they load goes to the log', async () => {
    const { output, errors } = await launch('print', { env: { BEFORE: 'guard' } });
    expect(output).toBe(sized('fd 2\n'));
    expect(errors).toMatch(/^printed before\nprinted log\n/);
  });

  test('output of a child process is not in the response', async () => {
    for (const mode of ['pipes', 'fifos']) {
      expect([mode, (await launch('child-prints', { mode })).output]).toEqual([mode, sized('done\n')]);
    }
  });

  test('PEP 3333 #34 to #36: takes any text and passes it on at once', async () => {
    expect((await launch('errors')).errors).toBe('one\ntwo\ndrei ü €\n5');
    expect((await launch('errors-hostile')).output).toBe(sized('logged\n'));
  });

  test('mini_httpd, merecat: output for the log is dropped where it would land in the response', async () => {
    for (const mode of ['same_pipe', 'same_fifo', 'tcp_log']) {
      expect([mode, (await launch('errors', { mode })).output]).toEqual([mode, sized('logged\n')]);
    }
  });

  test('mini_httpd: an error after the response does not follow it', async () => {
    for (const mode of ['same_pipe', 'same_fifo', 'three_sockets']) {
      expect([mode, (await launch('throw-in-close', { mode })).output]).toEqual([mode, ok('complete')]);
    }
    expect((await launch('throw-in-close')).errors).toContain('too late');
  });

  test('a host that does not show what descriptors are: the response and the log stay apart', async () => {
    const env = { BEFORE: 'fail', FAILING: 'readlinkSync' };
    for (const mode of ['pipes', 'one_socket', 'same_pipe']) {
      expect([mode, (await launch('errors', { mode, env })).output]).toEqual([mode, sized('logged\n')]);
    }
    expect((await launch('hello', { mode: 'file', env })).output).toBe(sized('hello\n'));
    expect((await launch('errors', { env })).errors).toBe('one\ntwo\ndrei ü €\n5');
  });

  test('a standard descriptor that cannot be looked at, or closed, is no reason to end', async () => {
    const post = { REQUEST_METHOD: 'POST', CONTENT_LENGTH: '3', BEFORE: 'fail', FAILING: 'fstatSync' };
    expect((await launch('echo', { mode: 'deleted_file', env: post, input: 'abc' })).output).toBe(sized('abc'));
    expect((await launch('hello', { env: { BEFORE: 'fail', FAILING: 'closeSync' } })).output).toBe(sized('hello\n'));
  });

  test('a Unix socket as standard error is a log', async () => {
    expect((await launch('errors', { mode: 'unix_log' })).output).toBe(`${sized('logged\n')}one\ntwo\ndrei \xc3\xbc \xe2\x82\xac\n5`);
  });

  test('civetweb: a log that nobody reads, a closed one and a missing one do not hold the response up', async () => {
    for (const mode of ['undrained_log', 'undrained_fifo']) {
      expect([mode, (await launch('errors-megabyte', { mode })).output]).toEqual([mode, sized('logged\n')]);
    }
    expect((await launch('errors', { mode: 'foreign_log' })).output).toBe(sized('logged\n'));
    expect((await launch('errors', { mode: 'closed', env: { CLOSED: '2' } })).output).toBe(sized('logged\n'));
  });

  test('a megabyte arrives whole in a log that is read', async () => {
    expect((await launch('errors-megabyte')).errors.length).toBe(1_000_000);
  });
});
