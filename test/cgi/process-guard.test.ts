// How the process of a CGI script ends.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { response, SERVER_ERROR } from '../fakes.ts';
import { launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);

const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);

const HELLO = sized('hello\n');

describe('the end', () => {
  test.each<[string, string, string]>([
    ['throw', 'thrown', 'Error: thrown'],
    ['uncaught', 'an error nobody caught', 'Error: uncaught'],
    ['rejection', 'a rejection nobody handled', 'Error: unhandled'],
    [
      'never',
      'an application that never answers',
      '[no-response] ApplicationError: The application waits for something that cannot happen',
    ],
    ['exit', 'process.exit()', '[exited-early] ApplicationError: process.exit() was called before the response was complete'],
    ['exit-waiting', 'process.exit() later', '[exited-early]'],
  ])('%s: %s before the head is answered with 500', async (testCase, _what, logged) => {
    const { output, errors, code } = await launch(testCase);
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain(logged);
    expect(code).toBe(1);
  });

  test('after the head an uncaught error ends the response short', async () => {
    const { output, errors, code } = await launch('uncaught-after-head');
    expect([output, code]).toEqual([ok('begun'), 1]);
    expect(errors).toContain('Error: uncaught');
  });

  test('after the response an uncaught error is logged, and close() goes on', async () => {
    const { output, errors, code, mark } = await launch('uncaught-after-response');
    expect([output, code, mark]).toEqual([ok('complete'), 1, 'closed\n']);
    expect(errors).toContain('Error: too late');
  });

  test('open handles do not keep the process', async () => {
    const before = Date.now();
    expect(await launch('open-handles')).toMatchObject({ output: sized('done\n'), code: 0, errors: '' });
    expect(Date.now() - before).toBeLessThan(10_000);
  });

  test.each(['hang-close', 'never-close'])('a close() that does not end, %s, is given up', async (testCase) => {
    expect(await launch(testCase)).toMatchObject({ output: ok('complete'), errors: '' });
  });

  test.each(['child', 'child-of-a-child', 'child-unseen'])(
    'a child process that lives on does not hold the response open, on a pipe and on a socket: %s',
    async (testCase) => {
      for (const mode of ['pipes', 'fifos', 'one_socket']) {
        const before = Date.now();
        expect((await launch(testCase, { mode })).output).toBe(sized('a child lives on\n'));
        expect(Date.now() - before).toBeLessThan(10_000);
      }
    },
  );

  test('timeout: 504 before the head, a short response after it; none when the response is out', async () => {
    const options = { timeout: 100 };
    const before = await launch('wait-before-head', { options });
    expect(before.output).toBe(
      response('504 Gateway Timeout', ['Content-Type: text/plain', 'Content-Length: 20'], '504 Gateway Timeout\n'),
    );
    expect(before.errors).toContain('[timeout] ApplicationError: The application took longer than its timeout of 100 ms');
    expect(await launch('wait', { options })).toMatchObject({ output: ok('begun'), mark: 'begun\nclosed\n' });
    expect(await launch('slow-close', { options })).toMatchObject({ output: ok('complete'), mark: 'closed\n', errors: '', code: 0 });
  });

  test.each<[NodeJS.Signals, number]>([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ])('%s lets close() run, and is no failure', async (signal, status) => {
    for (const [testCase, output] of [
      ['wait', ok('begun')],
      ['wait-before-head', ''],
    ] as const) {
      const ended = await launch(testCase, { meanwhile: (child) => void whenMarked(child.spawnargs[3]).then(() => child.kill(signal)) });
      expect([testCase, ended.output, ended.errors, ended.code]).toEqual([testCase, output, '', status]);
      if (testCase === 'wait') expect(ended.mark).toBe('begun\nclosed\n');
    }
  });

  test('lighttpd: once the response is out SIGTERM is held back until close() is done', async () => {
    const ended = await launch('slow-close', { meanwhile: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')) });
    expect(ended).toMatchObject({ output: ok('complete'), mark: 'closed\n', code: 0, errors: '' });
  });

  test('RFC 3875 #1: a client that has left is no failure, and close() runs', async () => {
    expect(await launch('hello', { mode: 'no_reader' })).toMatchObject({ code: 0, errors: '' });
    for (const mode of ['no_reader', 'no_reader_no_signal', 'early_leaver']) {
      expect([mode, await launch('endless', { mode })]).toMatchObject([mode, { code: 0, errors: '', mark: 'closed\n' }]);
    }
  });

  test('a full disk is a failure, and is logged', async () => {
    const { errors, code } = await launch('hello', { mode: 'full_disk' });
    expect(errors).toMatch(/^cgi: RequestError \[output-failed\]: The response could not be written to descriptor 1: ENOSPC\n/);
    expect(code).toBe(1);
  });

  test('a loader takes the application out of the script, and nothing runs', async () => {
    expect(await launch('hello', { env: { BEFORE: 'take' } })).toMatchObject({ output: '', errors: 'taken', code: 0 });
  });

  test.each(['pipes', 'fifos', 'one_socket'])(
    'work after the response begins when request, response and log are closed: %s',
    async (mode) => {
      expect(await launch('hello', { mode, env: { BEFORE: 'work' } })).toMatchObject({
        output: HELLO,
        errors: 'before the work',
        code: 0,
        mark: 'worked, with 0 descriptors of the server\n',
      });
    },
  );

  test('code that awaits the response runs before the process ends; a second call throws', async () => {
    expect((await launch('hello', { env: { AFTER: 'await' } })).mark).toBe('after\n');
    expect((await launch('hello', { env: { AFTER: 'twice' } })).mark).toContain(
      'runWithCgi() was called twice; a CGI script answers one request',
    );
  });

  test('suexec: pipes that belong to another user are used as they are', async () => {
    expect((await launch('errors', { mode: 'foreign_pipes' })).output).toBe(`${sized('logged\n')}one\ntwo\ndrei \xc3\xbc \xe2\x82\xac\n5`);
  });

  test('a client that has left does not keep a script whose children hold its socket', async () => {
    expect(await launch('child', { mode: 'deserted_socket' })).toMatchObject({ code: 0, errors: '' });
  });

  test('a script without standard input answers, and one without any descriptor exits with status 0', async () => {
    expect((await launch('hello', { mode: 'closed', env: { CLOSED: '0' } })).output).toBe(HELLO);
    expect(await launch('hello', { mode: 'closed', env: { CLOSED: '0 1 2' } })).toMatchObject({ output: '', errors: '', code: 0 });
  });
});

async function whenMarked(input: string | undefined): Promise<void> {
  for (let tries = 0; tries < 2500 && !existsSync(`${input}.mark`); tries++) await sleep(10);
}
