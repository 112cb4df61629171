// FastCGI 1.0 as a web server sees it: what it sends and gets, byte for byte, over real sockets.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type FastCgiOptions, serveFastCgi } from '../../src/fastcgi/index.ts';
import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { until } from '../host/processes.ts';
import {
  answer,
  begin,
  Client,
  end,
  pairs,
  params,
  parse,
  record,
  request,
  response,
  serve,
  stdin,
  stream,
  text,
  VARIABLES,
} from './client.ts';

const PLAIN: [string, string][] = [['Content-Type', 'text/plain']];

const hello: ApplicationFunction = (_environ, startResponse) => {
  startResponse('200 OK', PLAIN);
  return 'hello';
};

const echo: ApplicationFunction = (environ, startResponse) => {
  const body = environ['wsgi.input'].read();
  startResponse('200 OK', PLAIN);
  return body;
};

/** Answers with one variable of each request. */
const variable =
  (name: string): ApplicationFunction =>
  (environ, startResponse) => {
    startResponse('200 OK', PLAIN);
    return String(environ[name]);
  };

/** An application whose requests wait until they are released, each by its QUERY_STRING. */
function waiting() {
  const releases = new Map<string, () => void>();
  const closes: string[] = [];
  const application: ApplicationFunction = async (environ, startResponse) => {
    const name = environ.QUERY_STRING;
    startResponse('200 OK', PLAIN);
    async function* body() {
      try {
        await new Promise<void>((resolve) => releases.set(name, resolve));
        yield `released ${name}`;
      } finally {
        closes.push(name);
      }
    }
    return body();
  };
  const streamed = (body: string) => response('200 OK', ['Content-Type: text/plain'], body);
  return { application, releases, closes, streamed };
}

describe('a request', () => {
  test('is answered with STDOUT, its end and END_REQUEST, in one piece', async () => {
    const client = (await serve(hello)).client().send(request(1));
    expect(await client.ends()).toEqual(answer(1, text('hello')));
    expect(client.pieces).toHaveLength(1);
  });

  test.each([1, 2, 255, 256, 65_535])('has the id %i in all that answers it', async (id) => {
    expect(await (await serve(hello)).client().send(request(id)).ends()).toEqual(answer(id, text('hello')));
  });

  test('§5.1: without FCGI_KEEP_CONN is the connection’s only one', async () => {
    const client = (await serve(hello)).client().send(request(1, {}, '', 0), request(2));
    expect(await client.end()).toEqual(answer(1, text('hello')));
  });

  test('§5.1: with FCGI_KEEP_CONN is followed by others, under the same id or another', async () => {
    const client = (await serve(variable('QUERY_STRING'))).client();
    await client.send(request(1, { QUERY_STRING: 'a' })).ends(1);
    await client.send(request(1, { QUERY_STRING: 'b' })).ends(2);
    const all = await client.send(request(7, { QUERY_STRING: 'c' })).ends(3);
    expect(all).toEqual(Buffer.concat([answer(1, text('a')), answer(1, text('b')), answer(7, text('c'))]));
  });

  test('may come in one piece with those behind it', async () => {
    const client = (await serve(echo)).client().send(request(1, {}, 'one'), request(2, {}, 'two'), request(1, {}, 'three'));
    expect(await client.ends(3)).toEqual(Buffer.concat([answer(1, text('one')), answer(2, text('two')), answer(1, text('three'))]));
  });

  test('§3.3: runs beside the others of its connection, which may be answered first', async () => {
    const { application, releases, streamed } = waiting();
    const client = (await serve(application)).client();
    client.send(begin(1), begin(2), params(2, { QUERY_STRING: 'b' }), params(1, { QUERY_STRING: 'a' }), stdin(2), stdin(1));
    await until(() => releases.size === 2);
    releases.get('b')?.();
    await client.ends(1);
    releases.get('a')?.();
    const all = await client.ends(2);
    const head = (id: number) => record('STDOUT', id, streamed('released ') + (id === 1 ? 'a' : 'b'));
    const last = (id: number) => Buffer.concat([record('STDOUT', id), end(id)]);
    expect(all).toEqual(Buffer.concat([head(2), last(2), head(1), last(1)]));
  });

  test('§5.2: may have its variables in many records, names and lengths cut anywhere', async () => {
    const bytes = pairs({ ...VARIABLES, QUERY_STRING: 'x'.repeat(300) });
    const records = [...bytes].map((byte) => record('PARAMS', 1, Buffer.of(byte), 3));
    const client = (await serve(variable('QUERY_STRING'))).client();
    client.send(begin(1), ...records, record('PARAMS', 1), stdin(1));
    expect(await client.ends()).toEqual(answer(1, text('x'.repeat(300))));
  });

  test('§3.4: may have lengths of four bytes where one would do', async () => {
    const client = (await serve(variable('SERVER_NAME'))).client();
    client.send(begin(1), record('PARAMS', 1, pairs(VARIABLES, true)), record('PARAMS', 1), stdin(1));
    expect(await client.ends()).toEqual(answer(1, text('site.example')));
  });

  test('may send STDIN before the end of PARAMS', async () => {
    const client = (await serve(echo)).client();
    client.send(begin(1), stdin(1, 'early'), params(1, { CONTENT_LENGTH: '5' }));
    expect(await client.ends()).toEqual(answer(1, text('early')));
  });

  test('is not changed by PARAMS after their end, STDIN after its end, or padding', async () => {
    const client = (await serve(echo)).client();
    client.send(begin(1), params(1, { CONTENT_LENGTH: '3' }), record('PARAMS', 1, pairs({ CONTENT_LENGTH: '1' })), record('PARAMS', 1));
    client.send(record('STDIN', 1, 'abc', 255), record('STDIN', 1, '', 8), record('STDIN', 1, 'def'), record('STDIN', 1));
    await client.ends(1);
    expect(await client.send(request(2, {}, 'x')).ends(2)).toEqual(Buffer.concat([answer(1, text('abc')), answer(2, text('x'))]));
  });
});

describe('environ', () => {
  test('holds the variables byte for byte, without those a client could abuse', async () => {
    const seen: Environ[] = [];
    const application: ApplicationFunction = (environ, startResponse) => {
      seen.push(environ);
      startResponse('204 No Content', []);
      return null;
    };
    const variables = {
      PATH_INFO: '/caf\xe9',
      HTTP_PROXY: 'http://evil',
      'wsgi.url_scheme': 'javascript',
      'wsgi.forged': 'x',
      'cgi.lossy': 'x',
      REQUEST_SCHEME: 'javascript',
      HTTP_X: '\xff',
      HTTPS: 'on',
      CONTENT_LENGTH: '',
      CONTENT_TYPE: '',
    };
    const client = (await serve(application, { env: { 'app.key': 1 } })).client().send(request(1, variables));
    expect(await client.ends()).toEqual(answer(1, response('204 No Content', [])));
    const { 'wsgi.input': input, 'wsgi.errors': errors, 'wsgi.file_wrapper': wrap, ...rest } = seen[0] ?? ({} as Environ);
    expect(rest).toEqual({
      'app.key': 1,
      HTTP_X: '\xff',
      HTTPS: 'on',
      PATH_INFO: '/caf\xe9',
      QUERY_STRING: '',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '/app',
      SERVER_NAME: 'site.example',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.0',
      'wsgi.input_terminated': true,
      'wsgi.multiprocess': true,
      'wsgi.multithread': true,
      'wsgi.run_once': false,
      'wsgi.url_scheme': 'https',
      'wsgi.version': [1, 0],
    });
  });

  test('joins a header that is there twice, and takes the last of any other name', async () => {
    const seen: Environ[] = [];
    const application: ApplicationFunction = (environ, startResponse) => {
      seen.push(environ);
      return hello(environ, startResponse);
    };
    const twice = [
      { HTTP_COOKIE: 'a=1', HTTP_X: '1', SCRIPT_NAME: '/first' },
      { HTTP_COOKIE: 'b=2', HTTP_X: '2', SCRIPT_NAME: '/last' },
    ];
    const client = (await serve(application)).client();
    client.send(
      begin(1),
      record('PARAMS', 1, Buffer.concat([pairs(VARIABLES), ...twice.map((one) => pairs(one))])),
      record('PARAMS', 1),
      stdin(1),
    );
    await client.ends();
    expect(seen[0]).toMatchObject({ HTTP_COOKIE: 'a=1; b=2', HTTP_X: '1, 2', SCRIPT_NAME: '/last' });
  });

  test('tells of other processes what the deployer said', async () => {
    const client = (await serve(variable('wsgi.multiprocess'), { multiprocess: false })).client().send(request(1));
    expect(await client.ends()).toEqual(answer(1, text('false')));
  });

  test.each([
    ['', { SCRIPT_NAME: '/a/b' }, '', '/a/b'],
    ['/', { SCRIPT_NAME: '/a/b' }, '', '/a/b'],
    ['/a', { SCRIPT_NAME: '/a/b' }, '/a', '/b'],
    ['/a', { SCRIPT_NAME: '/a' }, '/a', ''],
    ['/a', { SCRIPT_NAME: '/ab' }, '/ab', ''],
    ['/a', { SCRIPT_NAME: '', PATH_INFO: '/a/b' }, '/a', '/b'],
    [undefined, { SCRIPT_NAME: '/a/b' }, '/a/b', ''],
    [undefined, { DOCUMENT_URI: '/a/b' }, '', '/a/b'],
  ])('scriptName %j, %j', async (scriptName, variables, ...expected) => {
    const paths: string[] = [];
    const application: ApplicationFunction = (environ, startResponse) => {
      paths.push(environ.SCRIPT_NAME, environ.PATH_INFO);
      return hello(environ, startResponse);
    };
    const client = (await serve(application, scriptName === undefined ? {} : { scriptName })).client();
    const { SCRIPT_NAME: _, ...rest } = VARIABLES;
    const content = pairs(Object.fromEntries(Object.entries({ ...rest, ...variables }).map(([name, value]) => [name, String(value)])));
    await client.send(begin(1), record('PARAMS', 1, content), record('PARAMS', 1), stdin(1)).ends();
    expect(paths).toEqual(expected);
  });
});

describe('the body', () => {
  test('ends at CONTENT_LENGTH, whatever follows', async () => {
    const client = (await serve(echo)).client().send(request(1, { CONTENT_LENGTH: '3' }, 'abcdef'));
    expect(await client.ends()).toEqual(answer(1, text('abc')));
  });

  test('that is shorter than CONTENT_LENGTH is a 400', async () => {
    const client = (await serve(echo)).client().send(request(1, { CONTENT_LENGTH: '9' }, 'abc'));
    const all = await client.ends();
    expect(stream(all, 'STDOUT')).toBe(text('400 Bad Request\n', '400 Bad Request'));
    expect(stream(all, 'STDERR')).toMatch(/body-ended-early.*ended after 3 of 9 bytes/);
  });

  test.each(['', '-1'])('ends where STDIN does when CONTENT_LENGTH is %j, and CONTENT_LENGTH says so', async (length) => {
    const application: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return `${environ['wsgi.input'].read()} ${environ.CONTENT_LENGTH}`;
    };
    const client = (await serve(application)).client().send(request(1, { CONTENT_LENGTH: length }, 'abc'));
    expect(await client.ends()).toEqual(answer(1, text('abc 3')));
  });

  test('of a CONTENT_LENGTH that is no number is a 400', async () => {
    const client = (await serve(echo)).client().send(request(1, { CONTENT_LENGTH: '5, 5' }, 'abcde'));
    expect(stream(await client.ends(), 'STDOUT')).toBe(text('400 Bad Request\n', '400 Bad Request'));
  });

  test('larger than memory is kept in a file', async () => {
    const body = Buffer.alloc(5_000_000, 'abcdefg').toString('latin1');
    const client = (await serve(echo)).client();
    client.send(begin(1), params(1, { CONTENT_LENGTH: String(body.length) }));
    for (let at = 0; at < body.length; at += 65_535) client.send(record('STDIN', 1, body.slice(at, at + 65_535)));
    client.send(record('STDIN', 1));
    const all = await client.ends();
    expect(stream(all, 'STDOUT') === text(body)).toBe(true);
  });

  test('above maxBodySize is a 413, as soon as it is announced', async () => {
    const client = (await serve(echo, { maxBodySize: 10 })).client().send(begin(1), params(1, { CONTENT_LENGTH: '11' }));
    expect(stream(await client.ends(), 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large'));
    // The rest comes all the same, and is passed over.
    const all = await client.send(stdin(1, 'x'.repeat(11)), request(1, {}, 'y'.repeat(10))).ends(2);
    expect(stream(all, 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large') + text('y'.repeat(10)));
  });

  test('above maxBodySize is a 413 when it was not announced, too', async () => {
    const client = (await serve(echo, { maxBodySize: 10 })).client();
    client.send(begin(1, 0), params(1), record('STDIN', 1, 'x'.repeat(11)));
    const all = await client.end();
    expect(stream(all, 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large'));
    expect(parse(all).filter(({ type }) => type === 'END_REQUEST')).toHaveLength(1);
  });
});

describe('variables', () => {
  test('above maxParamsSize are a 431', async () => {
    const { client, errors } = await serve(hello, { maxParamsSize: 1000 });
    const all = await client()
      .send(request(1, { HTTP_X: 'x'.repeat(1000) }))
      .ends();
    expect(stream(all, 'STDOUT')).toContain('Status: 431 Request Header Fields Too Large');
    expect(stream(all, 'STDERR')).toBe('fastcgi: RequestError [params-too-large]: FCGI_PARAMS is longer than maxParamsSize, 1000 bytes\n');
    expect(errors).toBe('');
  });

  test.each([
    ['a value', Buffer.from('\x01\x09Ax')],
    ['a name', Buffer.from('\x09\x01Ax')],
    ['a length', Buffer.of(1, 0x80, 0, 0)],
    ['all but a length', Buffer.of(1)],
    ['a length of two gigabytes', Buffer.of(0xff, 0xff, 0xff, 0xff, 0, 65)],
  ])('that break off within %s are a 400', async (_what, content) => {
    const client = (await serve(hello)).client().send(begin(1), record('PARAMS', 1, content), record('PARAMS', 1), stdin(1));
    const all = await client.ends();
    expect(stream(all, 'STDOUT')).toBe(text('400 Bad Request\n', '400 Bad Request'));
    expect(stream(all, 'STDERR')).toMatch(/^fastcgi: RequestError \[params-malformed\]: .*\n$/);
  });
});

describe('the response', () => {
  test('leaves block by block, each as soon as it is there', async () => {
    let proceed = () => {};
    const application: ApplicationFunction = (_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (async function* () {
        yield 'one';
        await new Promise<void>((resolve) => {
          proceed = resolve;
        });
        yield 'two';
      })();
    };
    const client = (await serve(application)).client().send(request(1));
    const first = record('STDOUT', 1, response('200 OK', ['Content-Type: text/plain'], 'one'));
    expect(await client.bytes(first.length)).toEqual(first);
    proceed();
    expect(await client.ends()).toEqual(Buffer.concat([first, answer(1, 'two')]));
  });

  test.each([32_000, 33_000, 65_535, 65_536, 1_000_000])('of %i bytes is whole, in records of at most 65535', async (size) => {
    const body = Buffer.alloc(size, 'abcdefg');
    const blocks: Record<string, unknown> = {
      bytes: body,
      text: body.toString(),
      list: [body],
      pieces: [body.subarray(0, 9), body.subarray(9)],
    };
    const application: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', [...PLAIN, ['Content-Length', String(size)]]);
      return blocks[environ.QUERY_STRING] as Uint8Array;
    };
    for (const kind of Object.keys(blocks)) {
      const client = (await serve(application)).client().send(request(1, { QUERY_STRING: kind }));
      const all = await client.ends();
      expect(stream(all, 'STDOUT') === text(body.toString())).toBe(true);
      expect(parse(all).slice(-2)).toEqual([
        { type: 'STDOUT', id: 1, content: '' },
        { type: 'END_REQUEST', id: 1, content: '\0'.repeat(8) },
      ]);
    }
  });

  test('is UTF-8 where it is text, while its head is ISO-8859-1', async () => {
    const application: ApplicationFunction = (_environ, startResponse) => {
      startResponse('200 \xd6K', [['X-Name', '\xe9']]);
      return 'caf\u00e9 \u20ac';
    };
    const client = (await serve(application)).client().send(request(1));
    expect(await client.ends()).toEqual(
      answer(1, response('200 \xd6K', ['X-Name: \xe9', 'Content-Length: 9'], Buffer.from('caf\u00e9 \u20ac').toString('latin1'))),
    );
  });

  test('to HEAD has no body', async () => {
    const client = (await serve(hello)).client().send(request(1, { REQUEST_METHOD: 'HEAD' }));
    expect(await client.ends()).toEqual(answer(1, response('200 OK', ['Content-Type: text/plain', 'Content-Length: 5'])));
  });

  test('of an application that fails before it is a 500, and the cause is STDERR', async () => {
    const { client } = await serve(() => {
      throw new Error('the cause');
    });
    const all = await client().send(request(1)).ends();
    expect(stream(all, 'STDOUT')).toBe(text('500 Internal Server Error\n', '500 Internal Server Error'));
    expect(stream(all, 'STDERR')).toMatch(/^fastcgi: Error: the cause\n/);
    expect(parse(all).at(-2)).toEqual({ type: 'STDERR', id: 1, content: '' });
  });

  describe('of one that fails within it ends short', () => {
    const SHORT = response('200 OK', ['Content-Type: text/plain', 'Content-Length: 9'], 'abc');
    const failing: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', [...PLAIN, ['Content-Length', '9']]);
      return (async function* () {
        yield 'abc';
        if (environ.PATH_INFO === '/wait') await new Promise(() => {});
        throw new Error('the cause');
      })();
    };

    test('with the connection, where that was to be kept: no record could say so', async () => {
      const { client } = await serve(failing);
      const all = await client().send(request(1)).end();
      expect(stream(all, 'STDOUT')).toBe(SHORT);
      expect(parse(all).map(({ type }) => type)).not.toContain('END_REQUEST');
    });

    test.each([
      ['where the connection ends in any case', [request(1, {}, '', 0)]],
      ['where others run on the connection', [request(2, { PATH_INFO: '/wait' }), request(1)]],
    ])('with END_REQUEST, %s', async (_where, requests) => {
      const { client } = await serve(failing);
      const all = await client()
        .send(...requests)
        .ends();
      expect(stream(all, 'STDOUT')).toBe(SHORT);
      expect(parse(all).filter(({ type }) => type === 'END_REQUEST')).toMatchObject([{ id: 1 }]);
    });
  });

  test('that takes longer than the timeout is a 504', async () => {
    const { client } = await serve(() => new Promise(() => {}), { timeout: 50 });
    expect(stream(await client().send(request(1)).ends(), 'STDOUT')).toBe(text('504 Gateway Timeout\n', '504 Gateway Timeout'));
  });

  test('waits for a server that takes it slowly', async () => {
    let produced = 0;
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        for (; produced < 1000; produced++) yield Buffer.alloc(60_000);
      })();
    });
    const one = client();
    one.socket.pause();
    one.send(request(1));
    await sleep(200);
    expect(produced).toBeGreaterThan(0);
    expect(produced).toBeLessThan(500);
    one.socket.resume();
    const all = await one.ends();
    expect(stream(all, 'STDOUT').length).toBe(60_000_000 + response('200 OK', ['Content-Type: text/plain']).length);
  });

  test('does not pile up when requests come faster than responses are taken', async () => {
    let calls = 0;
    const { client } = await serve((_environ, startResponse) => {
      calls++;
      startResponse('200 OK', PLAIN);
      return Buffer.alloc(100_000);
    });
    const one = client();
    one.socket.pause();
    for (let id = 1; id <= 2000; id++) one.send(request(id, { HTTP_X: 'x'.repeat(2000) }));
    await sleep(300);
    expect(calls).toBeLessThan(1000);
    one.socket.resume();
    await one.ends(2000);
  });
});

test('the head is the one of CGI: Status comes first, but for HAProxy, which takes a Location behind it for a 302', async () => {
  const { client } = await serve((_environ, startResponse) => {
    startResponse('308 Permanent Redirect', [['Location', '/there']]);
    return '';
  });
  const redirect = ['Location: /there\r\n', 'Content-Length: 0\r\n'];
  const status = 'Status: 308 Permanent Redirect\r\n';
  expect(await client().send(request(1)).ends()).toEqual(answer(1, [status, ...redirect, '\r\n'].join('')));
  expect(
    await client()
      .send(request(1, { SERVER_SOFTWARE: 'HAProxy 2.6.12' }))
      .ends(),
  ).toEqual(answer(1, [...redirect, status, '\r\n'].join('')));
});

describe('wsgi.errors', () => {
  test('§5.3: is STDERR of its request, whose end comes before END_REQUEST', async () => {
    const { client } = await serve((environ, startResponse) => {
      environ['wsgi.errors'].write('caf\u00e9\n');
      environ['wsgi.errors'].writelines(['a\n', 'b\n']);
      environ['wsgi.errors'].write('');
      environ['wsgi.errors'].flush();
      return hello(environ, startResponse);
    });
    const expected = [
      ...[record('STDERR', 3, 'caf\xc3\xa9\n'), record('STDERR', 3, 'a\n'), record('STDERR', 3, 'b\n')],
      ...[record('STDOUT', 3, text('hello')), record('STDOUT', 3), record('STDERR', 3), end(3)],
    ];
    // Apart from padding.
    expect(parse(await client().send(request(3)).ends())).toEqual(parse(Buffer.concat(expected)));
  });

  test('longer than a record takes several', async () => {
    const { client } = await serve((environ, startResponse) => {
      environ['wsgi.errors'].write('x'.repeat(200_000));
      return hello(environ, startResponse);
    });
    expect(stream(await client().send(request(1)).ends(), 'STDERR')).toBe('x'.repeat(200_000));
  });

  test('goes to the log alone where the web server is not to have it', async () => {
    const serving = await serve(
      (environ, startResponse) => {
        environ['wsgi.errors'].write('a word\n');
        return hello(environ, startResponse);
      },
      { sendErrors: false },
    );
    expect(await serving.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
    expect(serving.errors).toBe('a word\n');
  });

  test('goes to the log once the request is over', async () => {
    const serving = await serve((environ, startResponse) => {
      setTimeout(() => environ['wsgi.errors'].write('too late\n'), 20);
      return hello(environ, startResponse);
    });
    const client = serving.client().send(request(1));
    await client.ends();
    await until(() => serving.errors === 'too late\n');
    expect(client.received).toEqual(answer(1, text('hello')));
  });
});

describe('§5.4: ABORT_REQUEST', () => {
  test('interrupts the application, calls close() and is answered with END_REQUEST', async () => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }));
    await until(() => releases.size === 1);
    client.send(record('ABORT_REQUEST', 1));
    expect(await client.ends()).toEqual(Buffer.concat([record('STDOUT', 1), end(1)]));
    releases.get('a')?.();
    await until(() => closes.length === 1);
    await client.send(record('ABORT_REQUEST', 1), request(1, { QUERY_STRING: 'b' })).ends(1);
    await until(() => releases.has('b'));
    releases.get('b')?.();
    expect(parse(await client.ends(2)).filter(({ type }) => type === 'END_REQUEST')).toHaveLength(2);
    expect(serving.errors).toBe('');
  });

  test('of a request that has not wholly come ends it', async () => {
    const client = (await serve(hello)).client();
    client.send(begin(1), record('PARAMS', 1, 'x'), record('ABORT_REQUEST', 1), stdin(1), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([record('STDOUT', 1), end(1), answer(2, text('hello'))]));
  });

  test('of a request that is over, or never was, changes nothing', async () => {
    const client = (await serve(hello)).client().send(request(1), record('ABORT_REQUEST', 1), record('ABORT_REQUEST', 9), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([answer(1, text('hello')), answer(2, text('hello'))]));
  });
});

describe('what is no request', () => {
  test('§4.1: GET_VALUES is answered with the values that are known', async () => {
    const client = (await serve(hello, { maxConnections: 7, maxRequests: 5 })).client();
    const asked = { FCGI_MAX_CONNS: '', FCGI_MPXS_CONNS: '', FCGI_NONSENSE: '', FCGI_MAX_REQS: '' };
    const expected = Buffer.concat([
      record('GET_VALUES_RESULT', 0, pairs({ FCGI_MAX_CONNS: '7', FCGI_MAX_REQS: '5', FCGI_MPXS_CONNS: '1' })),
      record('GET_VALUES_RESULT', 0),
      answer(1, text('hello')),
    ]);
    client.send(record('GET_VALUES', 0, pairs(asked)), record('GET_VALUES', 0), request(1));
    expect(await client.ends()).toEqual(expected);
  });

  test('§4.2: types that are not known are answered with UNKNOWN_TYPE', async () => {
    const client = (await serve(hello)).client().send(record(99, 0, 'content', 3), record('DATA', 0), request(1));
    expect(await client.ends()).toEqual(
      Buffer.concat([
        record('UNKNOWN_TYPE', 0, Buffer.of(99, 0, 0, 0, 0, 0, 0, 0)),
        record('UNKNOWN_TYPE', 0, Buffer.of(8, 0, 0, 0, 0, 0, 0, 0)),
        answer(1, text('hello')),
      ]),
    );
  });

  test('§3.3: records of ids that are not in use are ignored', async () => {
    const strays = [params(4), stdin(4, 'x'), record('DATA', 4, 'x'), record(99, 4, 'x'), record('STDOUT', 4, 'x')];
    const client = (await serve(hello)).client().send(...strays, begin(1), ...strays, params(1), record('DATA', 1, 'x'), stdin(1));
    expect(await client.ends()).toEqual(answer(1, text('hello')));
  });

  test.each([2, 3, 0, 500])('§5.5: role %i is refused as FCGI_UNKNOWN_ROLE', async (role) => {
    const client = (await serve(hello)).client().send(begin(1, 1, role), params(1), stdin(1), request(2));
    expect(await client.ends(2)).toEqual(Buffer.concat([end(1, 3), answer(2, text('hello'))]));
    const other = (await serve(hello)).client().send(begin(1, 0, role), params(1), stdin(1));
    expect(await other.end()).toEqual(end(1, 3));
  });

  test('§5.5: more than maxRequests at a time are refused as FCGI_OVERLOADED', async () => {
    const { application, releases, streamed } = waiting();
    const client = (await serve(application, { maxRequests: 2 })).client();
    client.send(request(1, { QUERY_STRING: 'a' }), request(2, { QUERY_STRING: 'b' }), request(3, { QUERY_STRING: 'c' }));
    expect(await client.ends(1)).toEqual(end(3, 2));
    releases.get('a')?.();
    await client.ends(2);
    client.send(request(3, { QUERY_STRING: 'c' }));
    await until(() => releases.has('c'));
    releases.get('c')?.();
    expect(stream(await client.ends(3), 'STDOUT', 3)).toBe(streamed('released c'));
  });

  test.each([
    ['a record of another version', record('STDIN', 1, '', 0, 2), /FastCGI version 2/],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /FastCGI version 71/],
    ['a request of id 0', begin(0), /request 0/],
    ['a second request of an id in use', begin(1), /request 1, which has not ended/],
    ['BEGIN_REQUEST of another length', record('BEGIN_REQUEST', 2, '\0\x01\x01'), /must have 8 bytes of content, got 3/],
    ['GET_VALUES that break off', record('GET_VALUES', 0, 'x'), /GET_VALUES ends within/],
  ])('%s closes the connection, and interrupts what runs', async (_what, bytes, message) => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }));
    await until(() => releases.size === 1);
    expect(await client.send(bytes, request(5)).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toMatch(message);
    releases.get('a')?.();
    await until(() => closes.length === 1);
  });

  test('a connection that the server closes interrupts all its requests', async () => {
    const { application, releases, closes } = waiting();
    const serving = await serve(application);
    const client = serving.client().send(request(1, { QUERY_STRING: 'a' }), request(2, { QUERY_STRING: 'b' }), begin(3));
    await until(() => releases.size === 2);
    client.socket.end();
    await client.end();
    for (const release of releases.values()) release();
    await until(() => closes.length === 2);
    expect(serving.errors).toBe('');
  });
});

describe('any cutting of the stream', () => {
  test('gives the same answer', async () => {
    const strays = Buffer.concat([record('GET_VALUES', 0, pairs({ FCGI_MPXS_CONNS: '' }), 5), record(77, 0, 'abc')]);
    const bytes = Buffer.concat([
      request(1, { QUERY_STRING: 'x'.repeat(200) }, 'body'),
      strays,
      begin(2),
      params(2),
      request(300),
      stdin(2, 'yz'),
    ]);
    const serving = await serve(echo);
    const whole = await serving.client().send(bytes).ends(3);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const client = serving.client();
        client.socket.setNoDelay(true);
        const places = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        for (let at = 1; at < places.length; at++) {
          client.send(bytes.subarray(places[at - 1], places[at]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(await client.ends(3)).toEqual(whole);
        client.socket.destroy();
      }),
      { numRuns: 60 },
    );
  });
});

describe('a web server that stalls', () => {
  const silent: FastCgiOptions = { stallTimeout: 100 };

  test.each([
    ['before its first request', Buffer.alloc(0)],
    ['within a header', begin(1).subarray(0, 5)],
    ['within a record', params(1).subarray(0, 30)],
    ['before the end of PARAMS', Buffer.concat([begin(1), params(1).subarray(0, -8)])],
    ['before the end of STDIN', Buffer.concat([begin(1), params(1, { CONTENT_LENGTH: '9' }), record('STDIN', 1, 'abc')])],
  ])('%s loses its connection, and nobody else does', async (_where, bytes) => {
    const serving = await serve(hello, silent);
    const resting = serving.client().send(request(1));
    await resting.ends();
    expect(await serving.client().send(bytes).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toBe('fastcgi: the web server has not sent the rest of a request for 100 ms; the connection is closed\n');
    expect(parse(await resting.send(request(2)).ends(2)).at(-1)).toMatchObject({ type: 'END_REQUEST', id: 2 });
  });

  test('taking nothing of a response loses its connection, and the body is closed', async () => {
    let closed = false;
    const serving = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        try {
          for (;;) yield 'x'.repeat(100_000);
        } finally {
          closed = true;
        }
      })();
    }, silent);
    const client = serving.client();
    client.socket.pause();
    client.send(request(1));
    await until(() => closed);
    expect(serving.errors).toBe('fastcgi: the web server has taken nothing of a response for 100 ms; the connection is closed\n');
  });

  test.each(['destroy', 'resetAndDestroy'] as const)('and leaves by %s ends a body that never waits for anything else', async (leave) => {
    let closed = false;
    let blocks = 0;
    const { client } = await serve((_environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return (function* () {
        try {
          for (;;) {
            blocks++;
            yield 'x'.repeat(100_000);
          }
        } finally {
          closed = true;
        }
      })();
    });
    const peer = client();
    peer.socket.pause();
    peer.send(request(1));
    let before = 0;
    await until(() => {
      const isHeldUp = blocks > 0 && blocks === before;
      before = blocks;
      return isHeldUp;
    });
    peer.socket[leave]();
    await until(() => closed);
  });

  test('is not one that waits for the application', async () => {
    let release = () => {};
    const serving = await serve(async (environ, startResponse) => {
      if (environ.PATH_INFO === '/wait') {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return hello(environ, startResponse);
    }, silent);
    const begun = release;
    const waiting = serving.client().send(request(1, { PATH_INFO: '/wait' }));
    await until(() => release !== begun);
    // Which is silent for less long.
    await serving.client().send(begin(1)).end();
    release();
    expect(await waiting.ends()).toEqual(answer(1, text('hello')));
  });
});

describe('listening', () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'run-with-cgi-fastcgi-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  };

  test('on a Unix socket, for owner and group, which is gone afterwards', async () => {
    const socket = join(folder(), 's');
    const serving = await serve(hello, { socket });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    expect(await serving.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
    serving.server.close();
    await once(serving.server, 'close');
    expect(existsSync(socket)).toBe(false);
  });

  test('with a path as long as there can be', async () => {
    const place = folder();
    const socket = join(place, 's'.repeat(106 - place.length));
    expect(await (await serve(hello, { socket })).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('with the mode that is asked for', async () => {
    const socket = join(folder(), 's');
    await serve(hello, { socket, mode: 0o600 });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
  });

  /** A socket as a process leaves it that is killed. */
  async function staleSocket(): Promise<string> {
    const socket = join(folder(), 's');
    // The one that listened was another name of the file, which alone is removed.
    const dead = createServer().listen(`${socket}.dead`);
    await once(dead, 'listening');
    linkSync(`${socket}.dead`, socket);
    dead.close();
    await once(dead, 'close');
    expect(existsSync(socket)).toBe(true);
    return socket;
  }

  test('takes the place of a socket that nobody listens to any more', async () => {
    const socket = await staleSocket();
    expect(await (await serve(hello, { socket })).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('takes that place once, when several processes want it at the same time', async () => {
    const socket = await staleSocket();
    const spare = `${socket}.stale`;
    linkSync(socket, spare);
    const contenders = Array.from({ length: 4 }, () => contender(socket));
    await Promise.all(contenders.map(({ next }) => next()));
    for (let round = 0; round < 25; round++) {
      const said = await Promise.all(contenders.map(({ ask }) => ask('listen')));
      expect(said.sort()).toEqual(['EADDRINUSE', 'EADDRINUSE', 'EADDRINUSE', 'listening']);
      // The one that listens is the one that is found.
      const probe = connect(socket);
      await once(probe, 'connect');
      probe.destroy();
      await Promise.all(contenders.map(({ ask }) => ask('close')));
      expect(readdirSync(dirname(socket))).toEqual([basename(spare)]);
      linkSync(spare, socket);
    }
  });

  function contender(socket: string) {
    const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('contender.ts', import.meta.url)), socket], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;
    const ask = (line: string) => {
      child.stdin.write(`${line}\n`);
      return next();
    };
    return { next, ask };
  }

  test('leaves what has come in its place in peace', async () => {
    const socket = join(folder(), 's');
    const first = await serve(hello, { socket });
    rmSync(socket);
    const second = await serve(hello, { socket });
    first.server.close();
    await once(first.server, 'close');
    expect(await second.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });

  test('takes that place once, when two want it', async () => {
    const socket = await staleSocket();
    const events: unknown[] = [];
    const servers = [serveFastCgi(hello, { socket }), serveFastCgi(hello, { socket })];
    for (const server of servers) server.on('listening', () => events.push('listening')).on('error', (error) => events.push(error));
    await until(() => events.length === 2);
    expect(events).toEqual(['listening', expect.objectContaining({ code: 'EADDRINUSE' })]);
    expect(await new Client(connect(socket)).send(request(1, {}, '', 0)).ends()).toEqual(answer(1, text('hello')));
    for (const server of servers) server.close();
  });

  test('does not begin when it was closed before', async () => {
    const socket = await staleSocket();
    const server = serveFastCgi(hello, { socket });
    server.close();
    await sleep(50);
    expect(server.listening).toBe(false);
  });

  test('takes no place where somebody listens, nor that of a file', async () => {
    const socket = join(folder(), 's');
    await serve(hello, { socket });
    const [error] = await once(serveFastCgi(hello, { socket }), 'error');
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
    expect(existsSync(socket)).toBe(true);
    const file = join(folder(), 'f');
    writeFileSync(file, 'precious');
    const [other] = await once(serveFastCgi(hello, { socket: file }), 'error');
    expect(other).toMatchObject({ code: 'EADDRINUSE' });
    expect(statSync(file).size).toBe(8);
  });

  test('§2.2: on descriptor 0 when nothing else is said, as spawn-fcgi starts a program', async () => {
    const socket = join(folder(), 's');
    const program = fileURLToPath(new URL('program.ts', import.meta.url));
    const options = ['-n', '-s', socket, '-M', '0600', '--', process.execPath, '--import', 'tsx', program];
    const child = spawn('/usr/bin/spawn-fcgi', options, { stdio: 'ignore' });
    await until(() => existsSync(socket));
    const client = new Client(connect(socket)).send(request(1));
    expect(stream(await client.ends(), 'STDOUT')).toBe(text(`${child.pid} /app`));
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    await client.end();
  });

  test('on two places is refused', () => {
    expect(() => serveFastCgi(hello, { port: 0, fd: 0 })).toThrow('A gateway listens on one of socket, port and fd, got 2 of them');
  });

  test('closes connections above maxConnections', async () => {
    const serving = await serve(hello, { maxConnections: 1 });
    const first = serving.client();
    await first.send(request(1)).ends();
    expect(await serving.client().send(request(1)).end()).toEqual(Buffer.alloc(0));
    await first.send(request(1)).ends(2);
  });

  test('§3.2: takes connections from the addresses in FCGI_WEB_SERVER_ADDRS only', async () => {
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '192.0.2.1,127.0.0.1');
    expect(await (await serve(hello)).client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
    vi.stubEnv('FCGI_WEB_SERVER_ADDRS', '192.0.2.1');
    const serving = await serve(hello);
    const socket = join(folder(), 's');
    const local = await serve(hello, { socket });
    vi.unstubAllEnvs();
    expect(await serving.client().send(request(1)).end()).toEqual(Buffer.alloc(0));
    expect(serving.errors).toBe('fastcgi: 127.0.0.1 is not in FCGI_WEB_SERVER_ADDRS; the connection is closed\n');
    expect(await local.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  });
});

describe('close()', () => {
  test('finishes what runs, closes what is idle, and takes nothing new', async () => {
    const { application, releases, streamed } = waiting();
    const serving = await serve(application);
    const idle = serving.client();
    const used = serving.client().send(request(1, { QUERY_STRING: 'used' }));
    const busy = serving.client().send(request(1, { QUERY_STRING: 'busy' }));
    await until(() => releases.size === 2);
    releases.get('used')?.();
    await used.ends();
    let closed = false;
    serving.server.close(() => {
      closed = true;
    });
    await idle.end();
    await used.end();
    expect(closed).toBe(false);
    expect(busy.closed).toBe(false);
    busy.send(request(2, { QUERY_STRING: 'late' }));
    expect(await busy.ends(1)).toEqual(end(2, 2));
    releases.get('busy')?.();
    expect(stream(await busy.end(), 'STDOUT')).toBe(streamed('released busy'));
    await until(() => closed);
  });

  test('answers what had been sent before', async () => {
    const serving = await serve(hello);
    const accepted = once(serving.server, 'connection');
    const client = serving.client();
    await accepted;
    client.send(request(1));
    serving.server.close();
    expect(await client.end()).toEqual(answer(1, text('hello')));
  });

  test('answers all who wait to be taken', async () => {
    const serving = await serve(hello);
    const clients = Array.from({ length: 50 }, () => serving.client());
    serving.server.close();
    for (const client of clients) client.send(request(1));
    for (const client of clients) expect(await client.end()).toEqual(answer(1, text('hello')));
  });

  test('waits for the first request of who has just connected', async () => {
    const serving = await serve(hello);
    const accepted = once(serving.server, 'connection');
    const client = serving.client();
    await accepted;
    serving.server.close();
    await until(() => !serving.server.listening);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(await client.send(request(1)).end()).toEqual(answer(1, text('hello')));
  });

  test('takes no connections, but serves those that are open, until the grace is over', async () => {
    const serving = await serve(hello, { grace: 1000 });
    const accepted = once(serving.server, 'connection');
    const kept = serving.client();
    await accepted;
    serving.server.close();
    await until(() => !serving.server.listening);
    await expect(once(connect(serving.port), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await kept.send(request(1)).ends();
    expect(await kept.send(request(2)).end()).toEqual(Buffer.concat([answer(1, text('hello')), answer(2, text('hello'))]));
  });

  test('does not wait for the grace when no connection is open', async () => {
    const serving = await serve(hello, { grace: 1_000_000 });
    await once(serving.server.close(), 'close');
  });
});

test('a client that leaves at once, in the middle, or before the end is no failure', async () => {
  const serving = await serve(hello);
  const bytes = request(1, {}, 'body');
  for (let at = 0; at < bytes.length; at += 7) {
    const client = serving.client();
    client.send(bytes.subarray(0, at));
    client.socket.resetAndDestroy();
  }
  expect(await serving.client().send(request(1)).ends()).toEqual(answer(1, text('hello')));
  expect(serving.errors).toBe('');
});
