import { describe, expect, test } from 'vitest';
import { urlMap } from '../../src/middleware/index.ts';
import { call } from '../../src/testing/index.ts';
import type { ApplicationFunction, Environ } from '../../src/types.ts';
import { validator } from '../../src/validator/index.ts';
import { checked, watched } from './applications.ts';

const named = (name: string): ApplicationFunction =>
  validator((environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    return `${name} ${environ.SCRIPT_NAME} ${environ.PATH_INFO}`;
  });

const map = validator(
  urlMap({
    '/': named('root'),
    '/blog': named('blog'),
    '/blog/admin/': named('admin'),
    '/caf\xe9': named('café'),
    'example.org': named('host'),
    'http://Example.org/blog': named('host-blog'),
    'example.org:8080/blog': named('port-blog'),
  }),
);

describe('the longest prefix of whole segments', () => {
  test.each([
    ['/', 'root  /'],
    ['/x/y', 'root  /x/y'],
    ['/blog', 'blog /blog '],
    ['/blog/', 'blog /blog /'],
    ['/blog/a/b', 'blog /blog /a/b'],
    ['/blogger', 'root  /blogger'],
    ['/blog/admin', 'admin /blog/admin '],
    ['/blog/admin/x', 'admin /blog/admin /x'],
    ['/blog/administrator', 'blog /blog /administrator'],
    ['/%62log/x', 'blog /blog /x'],
    ['//blog///admin//x', 'admin /blog/admin //x'],
    ['/blog/./x/../admin', 'admin /blog/admin '],
    ['/blog/../x', 'root  /x'],
    ['//x//y', 'root  //x//y'],
    ['/caf%C3%A9/x', 'café /cafÃ© /x'],
  ])('%s goes to %s', async (path, text) => {
    expect((await call(map, { path })).text).toBe(text);
  });
});

describe('the host', () => {
  test.each([
    ['example.org', '/', 'host  /'],
    ['EXAMPLE.ORG:80', '/x', 'host  /x'],
    ['example.org', '/blog/x', 'host-blog /blog /x'],
    ['example.org:8080', '/blog/x', 'port-blog /blog /x'],
    ['example.org:9090', '/blog/x', 'host-blog /blog /x'],
    ['example.com', '/blog/x', 'blog /blog /x'],
    ['www.example.org', '/', 'root  /'],
  ])('%s with %s goes to %s', async (host, path, text) => {
    expect((await call(map, { path, headers: { Host: host } })).text).toBe(text);
  });

  test('without a Host header SERVER_NAME counts', async () => {
    const environ = { HTTP_HOST: '', SERVER_NAME: 'example.org' };
    expect((await call(urlMap({ 'example.org': named('host') }), { environ })).text).toBe('host  /');
  });
});

test('a path that no entry has gives 404', async () => {
  const { status, text } = await call(checked(() => urlMap({ '/a': named('a') }))(named('x')), { path: '/b' });
  expect([status, text]).toEqual(['404 Not Found', '404 Not Found\n']);
});

test('maps nest, and add to SCRIPT_NAME', async () => {
  const outer = urlMap({ '/a': urlMap({ '/b': named('inner') }) });
  expect((await call(outer, { path: '/a/b/c', environ: { SCRIPT_NAME: '/cgi-bin/x', PATH_INFO: '/a/b/c' } })).text).toBe(
    'inner /cgi-bin/x/a/b /c',
  );
});

test('the outer environ is restored after the call, and the application keeps its own while its body runs', async () => {
  let outer: Environ | undefined;
  let within = '';
  const inner: ApplicationFunction = (environ, startResponse) => {
    startResponse('200 OK', [['Content-Type', 'text/plain']]);
    environ['app.user'] = 'alice';
    return (function* () {
      within = `${environ.SCRIPT_NAME} ${environ.PATH_INFO} ${outer?.PATH_INFO}`;
      yield 'x';
    })();
  };
  await call(
    (environ, startResponse) => {
      outer = environ;
      return urlMap({ '/a': inner })(environ, startResponse);
    },
    { path: '/a/b' },
  );
  expect(within).toBe('/a /b /a/b');
  expect(outer).toMatchObject({ SCRIPT_NAME: '', PATH_INFO: '/a/b' });
  expect(outer).not.toHaveProperty('app.user');
});

test('the body is closed by the server, as without the map', async () => {
  const { body, seen } = watched(['x']);
  await call(
    urlMap({
      '/': (_environ, startResponse) => {
        startResponse('200 OK', [['Content-Type', 'text/plain']]);
        return body;
      },
    }),
  );
  expect(seen).toEqual(['x', 'left', 'closed']);
});

test('an invalid entry is refused at once', () => {
  expect(() => urlMap({ '': named('x') })).toThrow(new TypeError('A place is "/path" or "host/path", got ""'));
});
