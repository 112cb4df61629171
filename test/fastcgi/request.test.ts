// Requests of FastCGI 1.0 as a web server sends them, byte for byte, over real sockets: variables, bodies, and several at a time.

import { describe, expect, test } from 'vitest';
import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { until } from '../host/processes.ts';
import { echo, hello, PLAIN, variable, waiting } from './applications.ts';
import { answer, begin, end, pairs, params, parse, record, request, response, serve, stdin, stream, text, VARIABLES } from './client.ts';

describe('a request', () => {
  test('is answered with STDOUT, its end and END_REQUEST, in one piece', async () => {
    const client = (await serve(hello)).client().send(request(1));
    expect(await client.ends()).toEqual(answer(1, text('hello')));
    expect(client.pieces).toHaveLength(1);
  });

  test.each([1, 2, 255, 256, 65_535])('has the id %i in all records of its answer', async (id) => {
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

  test('may come in one piece with the next ones', async () => {
    const client = (await serve(echo)).client().send(request(1, {}, 'one'), request(2, {}, 'two'), request(1, {}, 'three'));
    expect(await client.ends(3)).toEqual(Buffer.concat([answer(1, text('one')), answer(2, text('two')), answer(1, text('three'))]));
  });

  test('§3.3: runs beside other requests of its connection, which may be answered first', async () => {
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

  test('has wsgi.multiprocess as the deployer set it', async () => {
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
  test('ends at CONTENT_LENGTH although more follows', async () => {
    const client = (await serve(echo)).client().send(request(1, { CONTENT_LENGTH: '3' }, 'abcdef'));
    expect(await client.ends()).toEqual(answer(1, text('abc')));
  });

  test('that is shorter than CONTENT_LENGTH is answered with 400', async () => {
    const client = (await serve(echo)).client().send(request(1, { CONTENT_LENGTH: '9' }, 'abc'));
    const all = await client.ends();
    expect(stream(all, 'STDOUT')).toBe(text('400 Bad Request\n', '400 Bad Request'));
    expect(stream(all, 'STDERR')).toMatch(/body-ended-early.*ended after 3 of 9 bytes/);
  });

  test.each(['', '-1'])('ends with STDIN when CONTENT_LENGTH is %j, and CONTENT_LENGTH is set to its length', async (length) => {
    const application: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', PLAIN);
      return `${environ['wsgi.input'].read()} ${environ.CONTENT_LENGTH}`;
    };
    const client = (await serve(application)).client().send(request(1, { CONTENT_LENGTH: length }, 'abc'));
    expect(await client.ends()).toEqual(answer(1, text('abc 3')));
  });

  test('with a CONTENT_LENGTH that is no number is answered with 400', async () => {
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

  test('above maxBodySize is answered with 413 as soon as it is announced', async () => {
    const client = (await serve(echo, { maxBodySize: 10 })).client().send(begin(1), params(1, { CONTENT_LENGTH: '11' }));
    expect(stream(await client.ends(), 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large'));
    // The rest arrives all the same, and is ignored.
    const all = await client.send(stdin(1, 'x'.repeat(11)), request(1, {}, 'y'.repeat(10))).ends(2);
    expect(stream(all, 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large') + text('y'.repeat(10)));
  });

  test('above maxBodySize is answered with 413 also when it was not announced', async () => {
    const client = (await serve(echo, { maxBodySize: 10 })).client();
    client.send(begin(1, 0), params(1), record('STDIN', 1, 'x'.repeat(11)));
    const all = await client.end();
    expect(stream(all, 'STDOUT')).toBe(text('413 Content Too Large\n', '413 Content Too Large'));
    expect(parse(all).filter(({ type }) => type === 'END_REQUEST')).toHaveLength(1);
  });
});

describe('variables', () => {
  test('above maxParamsSize are answered with 431', async () => {
    const { client, errors } = await serve(hello, { maxParamsSize: 1000 });
    const all = await client()
      .send(request(1, { HTTP_X: 'x'.repeat(1000) }))
      .ends();
    const status = '431 Request Header Fields Too Large';
    expect(stream(all, 'STDOUT')).toBe(text(`${status}\n`, status));
    expect(stream(all, 'STDERR')).toBe('fastcgi: RequestError [params-too-large]: FCGI_PARAMS is longer than maxParamsSize, 1000 bytes\n');
    expect(errors).toBe('');
  });

  test.each([
    ['a value', Buffer.from('\x01\x09Ax')],
    ['a name', Buffer.from('\x09\x01Ax')],
    ['a length', Buffer.of(1, 0x80, 0, 0)],
    ['all but a length', Buffer.of(1)],
    ['a length of two gigabytes', Buffer.of(0xff, 0xff, 0xff, 0xff, 0, 65)],
  ])('that break off within %s are answered with 400', async (_what, content) => {
    const client = (await serve(hello)).client().send(begin(1), record('PARAMS', 1, content), record('PARAMS', 1), stdin(1));
    const all = await client.ends();
    expect(stream(all, 'STDOUT')).toBe(text('400 Bad Request\n', '400 Bad Request'));
    expect(stream(all, 'STDERR')).toMatch(/^fastcgi: RequestError \[params-malformed\]: .*\n$/);
  });
});
