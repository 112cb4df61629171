import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ApplicationFunction } from '../../src/types.ts';
import { until } from '../host/processes.ts';
import { hello, PLAIN } from './applications.ts';
import { answer, end, parse, record, request, response, serve, stream, text } from './client.ts';

describe('the response', () => {
  test('leaves block by block, each as soon as the application gives it', async () => {
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

  test('of an application that fails before the head is 500, and STDERR has the cause', async () => {
    const { client } = await serve(() => {
      throw new Error('the cause');
    });
    const all = await client().send(request(1)).ends();
    expect(stream(all, 'STDOUT')).toBe(text('500 Internal Server Error\n', '500 Internal Server Error'));
    expect(stream(all, 'STDERR')).toMatch(/^fastcgi: Error: the cause\n/);
    expect(parse(all).at(-2)).toEqual({ type: 'STDERR', id: 1, content: '' });
  });

  describe('of an application that fails after the head ends short', () => {
    const SHORT = response('200 OK', ['Content-Type: text/plain', 'Content-Length: 9'], 'abc');
    const failing: ApplicationFunction = (environ, startResponse) => {
      startResponse('200 OK', [...PLAIN, ['Content-Length', '9']]);
      return (async function* () {
        yield 'abc';
        if (environ.PATH_INFO === '/wait') await new Promise(() => {});
        throw new Error('the cause');
      })();
    };

    test('together with a kept connection, because no record can tell the web server', async () => {
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

  test('that takes longer than the timeout is 504', async () => {
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

  test('does not pile up when requests come faster than the web server takes responses', async () => {
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
    // Padding is not counted.
    expect(parse(await client().send(request(3)).ends())).toEqual(parse(Buffer.concat(expected)));
  });

  test('longer than a record takes several', async () => {
    const { client } = await serve((environ, startResponse) => {
      environ['wsgi.errors'].write('x'.repeat(200_000));
      return hello(environ, startResponse);
    });
    expect(stream(await client().send(request(1)).ends(), 'STDERR')).toBe('x'.repeat(200_000));
  });

  test('goes to the log alone without sendErrors', async () => {
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
