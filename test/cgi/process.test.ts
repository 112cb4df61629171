import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { response, SERVER_ERROR } from '../fakes.ts';
import { launch, withScripts } from './launch.ts';

withScripts();

const ok = (body: string, headers: string[] = []) => response('200 OK', ['Content-Type: text/plain', ...headers], body);
const sized = (body: string) => ok(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]);
const post = (length: number, more = {}) => ({ REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(length), ...more });
const HELLO = sized('hello\n');
const big = Buffer.alloc(20_000_000, 'abcdefghijk');

describe('environ', () => {
  test('trap 9: the environment arrives byte for byte, and two variables of one name joined', async () => {
    const input = Buffer.from('HTTP_COOKIE=a=1\0HTTP_COOKIE=b=2\0HTTP_X=1\0HTTP_X=2\0PATH_INFO=/\xe9\0SCRIPT_NAME=/s\0', 'latin1');
    const { output } = await launch('environ', { mode: 'raw_environment', input });
    const environ = JSON.parse(output.slice(output.indexOf('{')));
    expect(environ).toMatchObject({
      HTTP_COOKIE: 'a=1; b=2',
      HTTP_X: '1, 2',
      PATH_INFO: '/\xe9',
      SCRIPT_NAME: '/s',
      REQUEST_METHOD: 'GET',
    });
    expect(environ['cgi.lossy']).toBeUndefined();
  });

  test('PEP 3333 #18 to #20: one call, one process, others beside it', async () => {
    const { output } = await launch('environ');
    expect(JSON.parse(output.slice(output.indexOf('{')))).toMatchObject({
      'wsgi.run_once': true,
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      SERVER_NAME: 'localhost',
    });
  });

  test('what is named as if it were ours does not come from the environment', async () => {
    const env = { 'wsgi.url_scheme': 'javascript', 'wsgi.forged': 'x', 'cgi.lossy': 'x', 'run-with-cgi.forged': 'x' };
    const { output } = await launch('environ', { env });
    const environ = JSON.parse(output.slice(output.indexOf('{')));
    expect(Object.keys(environ).filter((name) => name in env)).toEqual(['wsgi.url_scheme']);
    expect(environ['wsgi.url_scheme']).toBe('http');
  });

  test('what the script changes in process.env before the call counts', async () => {
    const { output } = await launch('environ', { env: { HTTP_X: 'old', BEFORE: 'change' } });
    expect(JSON.parse(output.slice(output.indexOf('{'))).HTTP_X).toBe('changed');
  });

  test('a byte that is lost all the same is named', async () => {
    const { output } = await launch('environ', { env: { BEFORE: 'lose' } });
    expect(JSON.parse(output.slice(output.indexOf('{')))['cgi.lossy']).toEqual(['HTTP_X']);
  });

  test('trap 12, httpoxy: HTTP_PROXY is gone from environ and from process.env', async () => {
    expect((await launch('proxy', { env: { HTTP_PROXY: 'http://evil' } })).output).toBe(sized('undefined undefined'));
  });

  test.each<[string, Record<string, string>]>([
    ['NODE_USE_ENV_PROXY=1', { NODE_USE_ENV_PROXY: '1' }],
    ['NODE_OPTIONS', { NODE_OPTIONS: '--title=--use-env-proxy' }],
  ])('with the environment as the proxy of every request (%s) all requests are refused', async (_how, env) => {
    const { output, errors } = await launch('hello', { env });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toMatch(/^cgi: RequestError \[environment-proxy\]: NODE_USE_ENV_PROXY lets any client choose the proxy/);
    expect((await launch('hello', { env: { NODE_USE_ENV_PROXY: '0' } })).output).toBe(HELLO);
  });

  test('RFC 3875 #14, trap 15, CVE-2012-1823: words of the query on the command line are nothing', async () => {
    expect((await launch('hello', { argv: ['--help', '-e', 'process.exit(9)', '--version'] })).output).toBe(HELLO);
  });

  test('without any variable at all it is a GET of the root', async () => {
    const { output } = await launch('environ', { mode: 'raw_environment' });
    expect(JSON.parse(output.slice(output.indexOf('{')))).toMatchObject({ REQUEST_METHOD: 'GET', SCRIPT_NAME: '', PATH_INFO: '/' });
  });
});

describe('the response', () => {
  test('PEP 3333 #56, #59, trap 17, busybox: head and first block leave in one write, each other block in one of its own', async () => {
    expect((await launch('blocks', { mode: 'one_write' })).output).toBe(
      ["b'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\na'", "b'b'", "b'c'", ''].join('\n'),
    );
    expect((await launch('latin1', { mode: 'one_write' })).output).toBe(
      "b'Status: 200 OK\\r\\nX-Name: D\\xfcrer\\r\\nContent-Length: 2\\r\\n\\r\\n\\xc3\\xbc'\n",
    );
  });

  test('a head that does not wait for the first block leaves in one write of its own', async () => {
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

  describe('where a web server would take it for something else', () => {
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

  test('standard output of any kind takes it', async () => {
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
  const node = readFileSync(process.execPath);
  const { output } = await launch('file');
  expect(output === sized(node.toString('latin1'))).toBe(true);
  const part = await launch('file-part');
  expect(part.output === response('200 OK', ['Content-Length: 1000000'], node.toString('latin1', 0, 1_000_000))).toBe(true);
  expect((await launch('file-of-unknown-size')).output).toBe(ok(readFileSync('/proc/version', 'latin1')));
  expect((await launch('file-that-ends')).output).toBe(sized(''));
});

test('with streams of its own a call leaves the process alone', async () => {
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

describe('the request body', () => {
  test('trap 1: it ends at CONTENT_LENGTH though more follows, or the pipe stays open', async () => {
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

  test('trap 4: one that breaks off is an error, from a pipe, a file, a closed descriptor', async () => {
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

  test('PEP 3333 #31, trap 3: a chunked one is read to its end where the server takes the framing off, and refused elsewhere', async () => {
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
    'trap 6: %s, where the server reads nothing before its body is taken',
    async (mode) => {
      const { output } = await launch('write-then-read', { mode, env: post(big.length), input: big });
      expect(output).toBe(ok(`${'x'.repeat(2_000_000)}${big.length}`));
      expect((await launch('length', { mode, env: post(big.length), input: big })).output).toBe(sized(String(big.length)));
    },
  );

  test('trap 5, mod_cgid: what is not read is taken all the same, so that the response is not lost', async () => {
    for (const mode of ['writes_first', 'fifos_written_first', 'one_socket', 'tcp_socket']) {
      expect([mode, (await launch('unread', { mode, env: post(big.length), input: big })).output]).toEqual([mode, sized('unread\n')]);
    }
    expect((await launch('unread', { mode: 'one_socket', env: post(big.length), input: big, options: { maxBodySize: 5 } })).output).toMatch(
      /^Status: 413 /,
    );
  });

  test('a block leaves before the next one of the body is asked for', async () => {
    const input = 'abcdefgh';
    expect((await launch('in-step', { mode: 'in_step', env: post(input.length), input })).output).toBe(ok(`begin${input}`));
  });

  test.each(['pipes', 'fifos', 'writes_first', 'fifos_written_first', 'one_socket', 'slow_upload'])(
    'one that is read ahead while the response is written: %s',
    async (mode) => {
      const input = Buffer.alloc(300_000, 'abcdefg');
      const env = post(input.length);
      expect((await launch('read-ahead', { mode, env, input })).output).toBe(ok(`${'x'.repeat(2_000_000)}300000`));
      const { output } = await launch('file-read-ahead', { mode, env, input });
      expect(output === sized(readFileSync(process.execPath, 'latin1'))).toBe(true);
      expect((await launch('unread-read-ahead', { mode, env, input })).output).toBe(sized('unread\n'));
    },
  );

  test('what waits for the body when the time is up is not written any more', async () => {
    const launched = { mode: 'body_after_log', env: post(10), input: 'x'.repeat(10), options: { timeout: 50 } };
    const blocks = await launch('read-ahead', launched);
    expect([blocks.output, blocks.errors]).toEqual(['', expect.stringContaining('[timeout]')]);
    const file = await launch('file-read-ahead', launched);
    expect(file.output.slice(file.output.indexOf('\r\n\r\n') + 4)).toBe(readFileSync(process.execPath).toString('latin1', 0, 1000));
  });

  test('asynchronous iteration leaves the event loop free', async () => {
    expect((await launch('timers-run', { mode: 'slow_upload', env: post(9), input: 'abcdefghi' })).output).toBe(sized('ticked\n'));
  });

  test('a read that never comes back does not keep the process', async () => {
    const { output } = await launch('pending-read', { mode: 'open_pipe', env: post(9), input: '' });
    expect(output).toBe(sized('did not wait\n'));
  });
});

describe('the log', () => {
  test('standard output is the response and nothing else', async () => {
    const expected = ['printed log', 'printed error', 'printed stdout', 'printed stderr'];
    for (const [env, first] of [
      [{}, ''],
      [{ BEFORE: 'print' }, 'printed before\n'],
    ] as const) {
      const { output, errors } = await launch('print', { env });
      // What was printed before the call is beyond help, what comes after is not.
      expect(output).toBe(first + sized('fd 2\n'));
      for (const line of expected) expect(errors).toContain(`${line}\n`);
    }
  });

  test('from guardStdout() on, for what modules print while they load', async () => {
    const { output, errors } = await launch('print', { env: { BEFORE: 'guard' } });
    expect(output).toBe(sized('fd 2\n'));
    expect(errors).toMatch(/^printed before\nprinted log\n/);
  });

  test('nor is what a child process prints', async () => {
    for (const mode of ['pipes', 'fifos']) {
      expect([mode, (await launch('child-prints', { mode })).output]).toEqual([mode, sized('done\n')]);
    }
  });

  test('PEP 3333 #34 to #36: takes any text, and passes it on at once', async () => {
    expect((await launch('errors')).errors).toBe('one\ntwo\ndrei ü €\n5');
    expect((await launch('errors-hostile')).output).toBe(sized('logged\n'));
  });

  test('trap 25, mini_httpd, merecat: what would land in the response is dropped', async () => {
    for (const mode of ['same_pipe', 'same_fifo', 'tcp_log']) {
      expect([mode, (await launch('errors', { mode })).output]).toEqual([mode, sized('logged\n')]);
    }
  });

  test('a socket that is no TCP connection is a log', async () => {
    expect((await launch('errors', { mode: 'unix_log' })).output).toBe(`${sized('logged\n')}one\ntwo\ndrei \xc3\xbc \xe2\x82\xac\n5`);
  });

  test('trap 25, civetweb: one that nobody reads does not hold the response up; nor one that is gone, or never was', async () => {
    for (const mode of ['undrained_log', 'undrained_fifo']) {
      expect([mode, (await launch('errors-megabyte', { mode })).output]).toEqual([mode, sized('logged\n')]);
    }
    expect((await launch('errors', { mode: 'foreign_log' })).output).toBe(sized('logged\n'));
    expect((await launch('errors', { mode: 'closed', env: { CLOSED: '2' } })).output).toBe(sized('logged\n'));
  });

  test('a megabyte arrives whole where it is read', async () => {
    expect((await launch('errors-megabyte')).errors.length).toBe(1_000_000);
  });
});

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

  test('after the response it is logged, and close() goes on', async () => {
    const { output, errors, code, mark } = await launch('uncaught-after-response');
    expect([output, code, mark]).toEqual([ok('complete'), 1, 'closed\n']);
    expect(errors).toContain('Error: too late');
  });

  test('open handles do not keep the process', async () => {
    const before = Date.now();
    expect(await launch('open-handles')).toMatchObject({ output: sized('done\n'), code: 0, errors: '' });
    expect(Date.now() - before).toBeLessThan(10_000);
  });

  test.each(['hang-close', 'never-close'])('trap 24: %s, a close() that does not end, is given up', async (testCase) => {
    expect(await launch(testCase)).toMatchObject({ output: ok('complete'), errors: '' });
  });

  test('trap 26: a child that lives on does not hold the response, on a pipe and on a socket', async () => {
    for (const mode of ['pipes', 'fifos', 'one_socket']) {
      const before = Date.now();
      expect((await launch('child', { mode })).output).toBe(sized('a child lives on\n'));
      expect(Date.now() - before).toBeLessThan(10_000);
    }
  });

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

  test('trap 24, lighttpd: once the response is out SIGTERM is held back until close() is done', async () => {
    const ended = await launch('slow-close', { meanwhile: (child) => child.stdout?.once('data', () => child.kill('SIGTERM')) });
    expect(ended).toMatchObject({ output: ok('complete'), mark: 'closed\n', code: 0, errors: '' });
  });

  test('RFC 3875 #1, trap 23: a client that has left is no failure, and close() runs', async () => {
    expect(await launch('hello', { mode: 'no_reader' })).toMatchObject({ code: 0, errors: '' });
    for (const mode of ['no_reader', 'no_reader_no_signal', 'early_leaver']) {
      expect([mode, await launch('endless', { mode })]).toMatchObject([mode, { code: 0, errors: '', mark: 'closed\n' }]);
    }
  });

  test('a full disk is one, and is logged', async () => {
    const { errors, code } = await launch('hello', { mode: 'full_disk' });
    expect(errors).toMatch(/^cgi: RequestError \[output-failed\]: The response could not be written to descriptor 1: ENOSPC\n/);
    expect(code).toBe(1);
  });

  test('a loader that takes applications gets it, and nothing runs', async () => {
    expect(await launch('hello', { env: { BEFORE: 'take' } })).toMatchObject({ output: '', errors: 'taken', code: 0 });
  });

  test('what waits for the response runs before the process ends; a second call throws', async () => {
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

  test('closed descriptors harm nobody', async () => {
    expect((await launch('hello', { mode: 'closed', env: { CLOSED: '0' } })).output).toBe(HELLO);
    expect(await launch('hello', { mode: 'closed', env: { CLOSED: '0 1 2' } })).toMatchObject({ output: '', errors: '', code: 0 });
  });
});

async function whenMarked(input: string | undefined): Promise<void> {
  for (let tries = 0; tries < 500 && !existsSync(`${input}.mark`); tries++) await sleep(10);
}
