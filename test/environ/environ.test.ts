import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bodyLength, checkBodySize } from '../../src/environ/body-length.ts';
import { requestVariables } from '../../src/environ/environ.ts';
import { environmentBlock, exactVariables, processVariables } from '../../src/environ/variables.ts';
import type { Environ } from '../../src/types.ts';
import { answering, run } from '../fakes.ts';

async function environOf(environ: Record<string, string>, options = {}): Promise<Environ> {
  let seen!: Environ;
  await run(
    (given: Environ, start: never) => {
      seen = given;
      return answering(null)(given, start);
    },
    { environ, options },
  );
  return seen;
}

describe('environ', () => {
  test('PEP 3333 #3: is a plain object that the application may change', async () => {
    const environ = await environOf({});
    expect(Object.getPrototypeOf(environ)).toBe(null);
    environ.ANYTHING = 1;
    expect(Reflect.deleteProperty(environ, 'wsgi.version')).toBe(true);
    expect(environ).toMatchObject({ ANYTHING: 1 });
  });

  test('PEP 3333 #14 to #20: holds the values of the gateway', async () => {
    expect(await environOf({})).toMatchObject({
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.run_once': true,
      'wsgi.input_terminated': true,
    });
  });

  test('PEP 3333 #4 to #7: without a single variable the required ones are there, and not empty', () => {
    expect({ ...requestVariables({}) }).toEqual({
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      QUERY_STRING: '',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.0',
      'wsgi.url_scheme': 'http',
    });
  });

  const servers: [string, Record<string, string>, Record<string, unknown>][] = [
    ['busybox: no SERVER_NAME, no SERVER_PORT', { HTTP_HOST: 'a.example:8080' }, { SERVER_NAME: 'a.example', SERVER_PORT: '8080' }],
    ['busybox with an IPv6 host', { HTTP_HOST: '[::1]:8080' }, { SERVER_NAME: '[::1]', SERVER_PORT: '8080' }],
    ['an IPv6 host without a port', { HTTP_HOST: '[::1]' }, { SERVER_NAME: '[::1]', SERVER_PORT: '80' }],
    ['a host without a port, over TLS', { HTTP_HOST: 'a', HTTPS: 'on' }, { SERVER_NAME: 'a', SERVER_PORT: '443' }],
    [
      'lighttpd: an empty SERVER_NAME, no PATH_INFO',
      { SERVER_NAME: '', SERVER_PORT: '81', SCRIPT_NAME: '/a' },
      { SERVER_NAME: 'localhost', PATH_INFO: '' },
    ],
    ['mini_httpd: a port in SERVER_NAME stays', { SERVER_NAME: 'a:8080', SERVER_PORT: '8080' }, { SERVER_NAME: 'a:8080' }],
    ['nginx: an empty SERVER_PROTOCOL', { SERVER_PROTOCOL: '' }, { SERVER_PROTOCOL: 'HTTP/1.0' }],
    ['merecat: SCRIPT_NAME ends in a slash', { SCRIPT_NAME: '/a.cgi/', PATH_INFO: '' }, { SCRIPT_NAME: '/a.cgi', PATH_INFO: '/' }],
    ['the root as SCRIPT_NAME', { SCRIPT_NAME: '/', PATH_INFO: '/x' }, { SCRIPT_NAME: '', PATH_INFO: '/x' }],
    ['a PATH_INFO without its slash', { SCRIPT_NAME: '', PATH_INFO: 'x' }, { SCRIPT_NAME: '', PATH_INFO: '/x' }],
    ['everything in SCRIPT_NAME', { SCRIPT_NAME: '/a/b', PATH_INFO: '' }, { SCRIPT_NAME: '/a/b', PATH_INFO: '' }],
    [
      'PEP 3333 #5, #12, RFC 3875 #2: empty CONTENT_ variables are absent',
      { CONTENT_TYPE: '', CONTENT_LENGTH: '' },
      { CONTENT_TYPE: undefined, CONTENT_LENGTH: undefined },
    ],
    ['httpoxy: HTTP_PROXY', { HTTP_PROXY: 'http://evil' }, { HTTP_PROXY: undefined }],
    [
      'nginx: HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH',
      { HTTP_CONTENT_TYPE: 'a/b', HTTP_CONTENT_LENGTH: '5' },
      { HTTP_CONTENT_TYPE: undefined, HTTP_CONTENT_LENGTH: undefined, CONTENT_LENGTH: undefined },
    ],
    ['Apache: Authorization by a RewriteRule', { REDIRECT_HTTP_AUTHORIZATION: 'Basic x' }, { HTTP_AUTHORIZATION: 'Basic x' }],
    ['Apache: by two', { REDIRECT_REDIRECT_HTTP_AUTHORIZATION: 'Basic x' }, { HTTP_AUTHORIZATION: 'Basic x' }],
    [
      'Apache: but not over one that is there',
      { HTTP_AUTHORIZATION: 'Bearer y', REDIRECT_HTTP_AUTHORIZATION: 'Basic x' },
      { HTTP_AUTHORIZATION: 'Bearer y' },
    ],
    [
      'Apache: an ErrorDocument after a POST has no body',
      { REQUEST_METHOD: 'GET', REDIRECT_REQUEST_METHOD: 'POST', CONTENT_LENGTH: '8', HTTP_TRANSFER_ENCODING: 'chunked' },
      { CONTENT_LENGTH: undefined, HTTP_TRANSFER_ENCODING: undefined },
    ],
    [
      'Apache: an Action after a POST has one',
      { REQUEST_METHOD: 'POST', REDIRECT_REQUEST_METHOD: 'POST', CONTENT_LENGTH: '8' },
      { CONTENT_LENGTH: '8' },
    ],
    [
      'Apache: an ErrorDocument after a GET keeps the length of its body',
      { REQUEST_METHOD: 'GET', REDIRECT_REQUEST_METHOD: 'GET', CONTENT_LENGTH: '8' },
      { CONTENT_LENGTH: '8' },
    ],
    ['PATH_TRANSLATED stays', { PATH_INFO: '/a', PATH_TRANSLATED: '/srv/a' }, { PATH_TRANSLATED: '/srv/a' }],
    ['and beside a PATH_INFO without its slash', { PATH_INFO: 'a', PATH_TRANSLATED: '/srv/a' }, { PATH_TRANSLATED: '/srv/a' }],
    ['and without a PATH_INFO', { PATH_TRANSLATED: '/srv' }, { PATH_TRANSLATED: '/srv' }],
    ['but not beside dots', { PATH_INFO: '/../a', PATH_TRANSLATED: '/srv/../a' }, { PATH_INFO: '/a', PATH_TRANSLATED: undefined }],
    ['a REQUEST_SCHEME of http', { REQUEST_SCHEME: 'http' }, { REQUEST_SCHEME: 'http' }],
    ['CONTENT_TYPE', { CONTENT_TYPE: 'a/b' }, { CONTENT_TYPE: 'a/b' }],
    ['PEP 3333 #23: the rest of the environment stays', { DOCUMENT_ROOT: '/srv' }, { DOCUMENT_ROOT: '/srv' }],
  ];
  test.each(servers)('%s', (_what, given, expected) => {
    const variables = requestVariables(given);
    for (const [name, value] of Object.entries(expected)) expect([name, variables[name]]).toEqual([name, value]);
  });

  test.each([
    [{}, 'http'],
    [{ HTTPS: 'on' }, 'https'],
    [{ HTTPS: 'ON' }, 'https'],
    [{ HTTPS: '1' }, 'https'],
    [{ HTTPS: 'yes' }, 'https'],
    [{ HTTPS: 'true' }, 'https'],
    [{ HTTPS: 'off' }, 'http'],
    [{ HTTPS: '' }, 'http'],
    [{ REQUEST_SCHEME: 'https' }, 'https'],
    [{ REQUEST_SCHEME: 'http', HTTPS: 'on' }, 'https'],
    [{ HTTP_X_FORWARDED_PROTO: 'https' }, 'http'],
  ])('PEP 3333 #15: wsgi.url_scheme for %j is %s', (given, scheme) => {
    expect(requestVariables(given)['wsgi.url_scheme']).toBe(scheme);
  });

  const FORGED = {
    'wsgi.url_scheme': 'javascript',
    'wsgi.input_terminated': '',
    'wsgi.unknown': 'x',
    'cgi.lossy': 'x',
    'run-with-cgi.anything': 'x',
    REQUEST_SCHEME: 'javascript',
  };

  test("a name that is the gateway's own, and a scheme that is none, are not taken from the server", async () => {
    const environ = await environOf({ ...FORGED, 'wsgi_like.name': 'stays', WSGI: 'stays' });
    const names = Object.keys(environ).filter((name) => name in FORGED);
    expect(names.toSorted()).toEqual(['wsgi.input_terminated', 'wsgi.url_scheme']);
    expect(environ).toMatchObject({
      'wsgi.url_scheme': 'http',
      'wsgi.input_terminated': true,
      'wsgi_like.name': 'stays',
      WSGI: 'stays',
    });
    expect((await environOf({ ...FORGED, HTTPS: 'on' }))['wsgi.url_scheme']).toBe('https');
    expect(await environOf({ REQUEST_SCHEME: 'https' })).toMatchObject({ REQUEST_SCHEME: 'https', 'wsgi.url_scheme': 'https' });
  });

  test('but from the deployer', async () => {
    const env = { 'wsgi.url_scheme': 'https', 'wsgi.unknown': 'y', 'cgi.own': 'y', 'run-with-cgi.own': 'y', REQUEST_SCHEME: 'wss' };
    expect(await environOf(FORGED, { env })).toMatchObject(env);
  });

  test('PEP 3333 #22: the deployer has the last word', async () => {
    const env = { HTTP_HOST: 'public.example', 'wsgi.url_scheme': 'https', 'app.database': { name: 'x' } };
    expect(await environOf({ HTTP_HOST: 'internal' }, { env })).toMatchObject({ ...env, SERVER_NAME: 'public.example' });
  });

  test('the path keeps its invariants whatever the server gives', () => {
    const path = fc.array(fc.constantFrom('/', 'a', '\xe9')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(path, path, (SCRIPT_NAME, PATH_INFO) => {
        const variables = requestVariables({ SCRIPT_NAME, PATH_INFO });
        expect(String(variables.SCRIPT_NAME).endsWith('/')).toBe(false);
        if (variables.SCRIPT_NAME === '') expect(String(variables.PATH_INFO).startsWith('/')).toBe(true);
        expect(String(variables.PATH_INFO).endsWith(PATH_INFO)).toBe(true);
      }),
    );
  });
});

describe('variables, byte for byte', () => {
  test('what UTF-8 cannot say comes from the environment block', () => {
    const { variables, lossy } = exactVariables({ A: 'x\ufffdy', B: 'ü', C: 'plain' }, 'A=x\xe9y\0B=\xc3\xbc\0C=plain\0');
    expect({ ...variables }).toEqual({ A: 'x\xe9y', B: '\xc3\xbc', C: 'plain' });
    expect(lossy).toEqual([]);
  });

  test('where there is no block, what was lost is named', () => {
    const { variables, lossy } = exactVariables({ A: 'x\ufffdy', B: 'ü', C: undefined }, undefined);
    expect({ ...variables }).toEqual({ A: 'x\xef\xbf\xbdy', B: '\xc3\xbc' });
    expect(lossy).toEqual(['A']);
  });

  test('what the program has changed in process.env counts', () => {
    const { variables } = exactVariables({ A: 'new', B: 'ä' }, 'A=old\0B=old\0C=deleted\0');
    expect({ ...variables }).toEqual({ A: 'new', B: '\xc3\xa4' });
  });

  test('nginx with fcgiwrap, civetweb: two variables of one name are joined, as the headers would be', () => {
    const block = 'HTTP_COOKIE=a=1\0HTTP_COOKIE=b=2\0HTTP_COOKIE=c=3\0HTTP_X=1\0HTTP_X=2\0SCRIPT_NAME=/a\0SCRIPT_NAME=/b\0=odd\0odd\0';
    const { variables } = exactVariables({ HTTP_COOKIE: 'a=1', HTTP_X: '1', SCRIPT_NAME: '/a' }, block);
    expect({ ...variables }).toEqual({ HTTP_COOKIE: 'a=1; b=2; c=3', HTTP_X: '1, 2', SCRIPT_NAME: '/a' });
  });

  test('an entry without "=" belongs to no variable', () => {
    expect({ ...exactVariables({ HTTP_A: '1' }, 'HTTP_A=1\0HTTP_AB\0').variables }).toEqual({ HTTP_A: '1' });
  });

  test('the same behind the shell of a built file, which passes on the last one of them', () => {
    const before = 'A=1\nHTTP_COOKIE=a=1\nHTTP_COOKIE=b=2\nHTTP_X=\xe9\nHTTP_X=\xe8\nHTTP_Y=old\nHTTP_Y=older\n';
    const block = `A=1\n2\0HTTP_COOKIE=b=2\0HTTP_X=\xe8\0HTTP_Y=older\0RUN_WITH_CGI_ENVIRON=${before}\0`;
    const env = { A: '1\n2', HTTP_COOKIE: 'b=2', HTTP_X: '\ufffd', HTTP_Y: 'changed', RUN_WITH_CGI_ENVIRON: before };
    const { variables, lossy } = exactVariables(env, block);
    expect({ ...variables }).toEqual({ A: '1\n2', HTTP_COOKIE: 'a=1; b=2', HTTP_X: '\xe9, \xe8', HTTP_Y: 'changed' });
    expect(lossy).toEqual([]);
  });

  test('and nobody sees what that shell has passed on', () => {
    process.env.RUN_WITH_CGI_ENVIRON = 'A=1\n';
    expect(processVariables().variables.RUN_WITH_CGI_ENVIRON).toBeUndefined();
    expect(process.env.RUN_WITH_CGI_ENVIRON).toBeUndefined();
  });

  test('any bytes survive', () => {
    const value = fc.uint8Array().map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0)));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), value), (given) => {
        const env: Record<string, string> = {};
        const expected: Record<string, string> = {};
        let block = '';
        for (const [name, bytes] of Object.entries(given)) {
          env[name] = bytes.toString('utf8');
          expected[name] = bytes.toString('latin1');
          block += `${name}=${bytes.toString('latin1')}\0`;
        }
        expect({ ...exactVariables(env, block).variables }).toEqual(expected);
      }),
    );
  });

  test('the block is read as bytes, and missing where the system has none', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'run-with-cgi-')), 'environ');
    writeFileSync(path, Buffer.from('A=\xe9\0', 'latin1'));
    expect(environmentBlock(path)).toBe('A=\xe9\0');
    rmSync(dirname(path), { recursive: true });
    expect(environmentBlock(path)).toBeUndefined();
    const own = '/proc/self/environ';
    expect(environmentBlock()).toBe(existsSync(own) ? readFileSync(own, 'latin1') : undefined);
  });

  test('the variables of this very process', () => {
    process.env.RUN_WITH_CGI_TEST = 'ä';
    expect(processVariables().variables).toMatchObject({ PATH: process.env.PATH, RUN_WITH_CGI_TEST: '\xc3\xa4' });
    delete process.env.RUN_WITH_CGI_TEST;
  });
});

describe('the length of the body', () => {
  const chunked = (SERVER_SOFTWARE: string) => ({ HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE });
  test.each<[Record<string, string>, number]>([
    [{}, 0],
    [{ CONTENT_LENGTH: '' }, 0],
    [{ CONTENT_LENGTH: '0' }, 0],
    [{ CONTENT_LENGTH: '0005' }, 5],
    [{ CONTENT_LENGTH: '5', ...chunked('nginx/1.22') }, 5],
    [{ HTTP_TRANSFER_ENCODING: 'gzip' }, 0],
    [{ ...chunked('nginx/1.22'), HTTP_TRANSFER_ENCODING: 'chunked, gzip' }, 0],
    [chunked('Apache/2.4.71 (Debian)'), Infinity],
    [{ ...chunked('CivetWeb/1.15'), HTTP_TRANSFER_ENCODING: 'gzip, Chunked ' }, Infinity],
    [{ ...chunked('nginx/1.22.1'), CONTENT_LENGTH: '' }, Infinity],
  ])('%j: %d', (variables, length) => {
    expect(bodyLength(variables)).toBe(length);
  });

  test.each(['+5', '-1', '-5', '5x', '5, 5', ' 5', '0x5', '5.0'])(
    'RFC 3875 #11: CONTENT_LENGTH %j is answered with 400',
    async (CONTENT_LENGTH) => {
      const { output, errors } = await run(answering('never'), { environ: { CONTENT_LENGTH } });
      expect(output).toMatch(/^Status: 400 Bad Request\r\n/);
      expect(errors).toBe(
        `cgi: RequestError [content-length-not-a-number]: CONTENT_LENGTH must be digits, got ${JSON.stringify(CONTENT_LENGTH)}\n`,
      );
    },
  );

  test.each(['busybox httpd/1.35.0', 'SimpleHTTP/0.6 Python/3.11.2', 'merecat/2.32', 'Not-Apache/2.4', ''])(
    'a chunked body under %j cannot be read: 411',
    async (server) => {
      const { output, errors } = await run(answering('never'), { environ: chunked(server) });
      expect(output).toMatch(/^Status: 411 Length Required\r\n/);
      const told = `cannot be read under SERVER_SOFTWARE ${JSON.stringify(server)}; the client must send Content-Length`;
      expect(errors).toBe(`cgi: RequestError [body-of-unknown-length]: A chunked request body ${told}\n`);
    },
  );

  test('a server that does not name itself is none that decodes a chunked body; a length that is no string is none', () => {
    expect(() => bodyLength({ HTTP_TRANSFER_ENCODING: 'chunked' })).toThrow('under SERVER_SOFTWARE ""; the client');
    expect(() => bodyLength({ CONTENT_LENGTH: 5 })).toThrow('CONTENT_LENGTH must be digits, got 5');
  });

  test('one above maxBodySize is answered with 413 before the application runs, as one that no number can count', async () => {
    for (const CONTENT_LENGTH of ['11', '18446744073709551611']) {
      const { output } = await run(
        () => {
          throw new Error('ran');
        },
        { environ: { CONTENT_LENGTH }, options: { maxBodySize: 10 } },
      );
      expect(output).toMatch(/^Status: 413 Content Too Large\r\n/);
    }
    expect(() => checkBodySize(10, 10)).not.toThrow();
    expect(() => checkBodySize(Infinity, 10)).not.toThrow();
  });
});
