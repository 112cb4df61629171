// request has curl's options. The same arguments make curl send the same request to the development server, and show the same
// of its response.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeServer } from '../../src/server/index.ts';
import type { ApplicationFunction } from '../../src/types.ts';
import { command, type Done, withFolder } from './command.ts';

/** An application that tells what has arrived; /to/CODE?PATH redirects to PATH. */
const echo = `(environ, startResponse) => {
  const { REQUEST_METHOD: method, PATH_INFO: path, QUERY_STRING: query, SERVER_PROTOCOL: protocol } = environ;
  const [, code] = path.match(/^\\/to\\/(\\d+)$/) ?? [];
  if (code) {
    startResponse(code + ' Moved', [['Location', decodeURIComponent(query)], ['Content-Type', 'text/plain'], ['Set-Cookie', 'seen=' + code + '; Path=/']]);
    return 'moved';
  }
  if (path === '/loop') {
    startResponse('302 Found', [['Location', '/loop'], ['Content-Type', 'text/plain']]);
    return 'again';
  }
  if (path === '/login') {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ['Set-Cookie', 'id=1; Path=/; HttpOnly'], ['Set-Cookie', 'below=2; Path=/below'], ['Set-Cookie', 'old=3; Max-Age=0'], ['Set-Cookie', 'id=4; Path=/; Expires=Fri, 01 Jan 2100 00:00:00 GMT']]);
    return 'in';
  }
  if (path === '/packed' && query === 'BR') {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ['Content-Encoding', 'BR']]);
    return Buffer.from('${brotliCompressSync('unpacked').toString('base64')}', 'base64');
  }
  if (path === '/packed') {
    const isPacked = /gzip/.test(environ.HTTP_ACCEPT_ENCODING ?? '');
    startResponse('200 OK', [['Content-Type', 'text/plain'], ...(isPacked ? [['Content-Encoding', 'gzip']] : [])]);
    return isPacked ? Buffer.from('${gzipSync('unpacked').toString('base64')}', 'base64') : 'plain';
  }
  if (path === '/empty') {
    startResponse('200 OK', [['Content-Type', 'text/plain'], ['Content-Length', '0']]);
    return '';
  }
  const names = ['CONTENT_TYPE', ...Object.keys(environ).filter((name) => /^HTTP_(?!HOST$|CONTENT_LENGTH$|EXPECT$)/.test(name)).sort()];
  const headers = names.filter((name) => environ[name] !== undefined).map((name) => name + ': ' + environ[name] + '\\n');
  const body = environ['wsgi.input'].read();
  startResponse(path === '/missing' ? '404 Not Found' : '200 OK', [['Content-Type', 'text/plain'], ['X-Name', 'D\\xfcrer']]);
  return [method + ' ' + environ.PATH_INFO + '?' + query + ' ' + body.length + '\\n', ...headers, body];
}`;

const { folder } = withFolder({
  'app.mjs': `export const application = ${echo};`,
  'a.txt': 'a file\r\nof two lines',
  'b c.bin': '\0\x01\n',
  'form.json': '{"a": 1}\n',
  format: '%{http_code}\\n',
  lines: 'X-One: 1\n\nX-Two: 2\n',
});
let server: Server;
beforeAll(async () => {
  const application: ApplicationFunction = new Function(`return ${echo}`)();
  server = makeServer('127.0.0.1', 0, application, { accessLog: false });
  await once(server, 'listening');
});
afterAll(() => server.close());

interface Asked {
  stdin?: string;
}

function port(): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function curl(args: string[], { stdin = '' }: Asked): Promise<Done> {
  const [path = '', ...options] = args;
  // Headers that curl sends by itself, and request does not.
  const own = ['-H', 'Host: localhost', '-H', 'User-Agent:', '-H', 'Accept:', '-H', 'Expect:'].filter(
    (word, at, all) => !overrides(args, all[at + (word === '-H' ? 1 : 0)] ?? ''),
  );
  const child = spawn('curl', ['-sS', '--path-as-is', ...own, ...options, `http://127.0.0.1:${port()}${path}`], { cwd: folder });
  const done: Done = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => {
    done.stdout += bytes.toString('latin1');
  });
  child.stderr.on('data', (bytes: Buffer) => {
    done.stderr += bytes.toString('latin1');
  });
  child.stdin.end(stdin);
  const [code] = await once(child, 'close');
  return { ...done, code };
}

/** -A and --json set a header that is removed from the others. */
function overrides(args: string[], header: string): boolean {
  return (header === 'User-Agent:' && args.includes('-A')) || (header === 'Accept:' && args.includes('--json'));
}

/** Parts of the output that come from the network, or by chance. */
function comparable({ code, stdout }: Done): { code: number | null; stdout: string } {
  return {
    code,
    stdout: stdout
      .replace(/-{24}[0-9a-zA-Z]{16,22}/g, 'BOUNDARY')
      .replace(/^(?:Date|Connection|Keep-Alive|Transfer-Encoding): .*\r\n/gim, '')
      .replaceAll(`127.0.0.1:${port()}`, 'localhost'),
  };
}

describe('the same as curl:', () => {
  test.each<[args: string[], more?: Asked]>([
    [['/a%20b/../c?d=e']],
    [['/', '-XPUT']],
    [['/', '-X', 'DELETE', '-d', 'x']],
    [['/', '-H', 'X-A:  1 ', '-H', 'X-B;', '-H', 'X-C:']],
    [['/', '-H@lines', '-H', 'X-A: "q"']],
    [['/', '-A', 'name/1', '-e', 'http://before/', '-u', 'Ada:pass:word', '-b', 'b=2; c=3']],
    [['/', '-u', 'Jörg:größe', '-H', 'X-Name: Jörg']],
    [['/', '-u', 'a:b', '-H', 'Authorization: own']],
    [['/', '-d', 'a=1', '-d', 'b=2']],
    [['/', '-da=1', '--data-raw', '@b', '--data-binary', '@a.txt']],
    [['/', '-d', '']],
    [['/', '-d', '-1']],
    [['/', '-d', '@-'], { stdin: 'from a pipe' }],
    [['/', '--data-binary', '@b c.bin', '-H', 'Content-Type: application/octet-stream']],
    [['/', '--data-binary', '@b c.bin', '-H', 'Content-Type:']],
    [
      [
        '/',
        '--data-urlencode',
        'a b&c/ü~',
        '--data-urlencode',
        'x=1 +',
        '--data-urlencode',
        '=y=z',
        '--data-urlencode',
        'f@a.txt',
        '--data-urlencode',
        '@a.txt',
      ],
    ],
    [['/a', '-G', '-d', 'a=1', '--data-urlencode', 'q=1 b']],
    [['/a?b', '-G', '-d', 'a=1', '-XPOST']],
    [['/', '-GI', '-d', 'a=1']],
    [['/', '--json', '{"a":', '--json', '1}']],
    [['/', '--json', '@form.json', '-H', 'Accept: text/html']],
    [['/', '-F', 'a=1', '-F', 'b="x;y";type=text/csv', '-F', 'n"a=é']],
    [['/', '-F', 'a=@a.txt', '-F', 'b=@"b c.bin"', '-F', 'c=<a.txt', '-F', 'd=@a.txt;type=text/csv;filename="x y.csv"']],
    [['/', '--form-string', 'a=@b;type=c', '-F', 'e=']],
    [['/', '-F', 'a=@-;filename=in'], { stdin: 'from a pipe' }],
    [['/', '-T', 'a.txt']],
    [['/folder/', '-T', 'b c.bin']],
    [['/missing', '-f']],
    [['/missing', '-sf', '-w', '%{http_code}']],
    [['/missing', '--fail-with-body']],
    [['/missing', '-I']],
    [['/missing', '-si']],
    [['/empty', '-i']],
    [['/packed', '--compressed']],
    [['/packed']],
    [['/packed?BR', '--compressed']],
    [['/to/302?/a', '-i']],
    [['/to/302?/a', '-w', '%{http_code} %{redirect_url}\\n']],
    ...['301', '302', '303', '307', '308'].flatMap((code): [string[]][] => [
      [[`/to/${code}?/a%3Fb=c`, '-L']],
      [[`/to/${code}?/a`, '-L', '-d', 'x=1', '-H', 'X-Kept: 1']],
      [[`/to/${code}?/a`, '-L', '-XPOST', '-d', 'x=1']],
      [[`/to/${code}?/a`, '-L', '--json', '{}']],
      [[`/to/${code}?/a`, '-L', '-T', 'a.txt']],
      [[`/to/${code}?/a`, '-L', '-F', 'a=@a.txt']],
      [[`/to/${code}?/a`, '-LI']],
    ]),
    [['/to/302?b/c', '-L']],
    [['/to/302?%3Fd%23e', '-L', '-w', '%{url_effective} %{num_redirects} %{http_code}']],
    [['/to/302?/to/307%3F%2Fa', '-iL', '-d', 'x=1']],
    [['/to/302?/a', '-L', '-b', '']],
    [['/to/302?/a', '-L', '-b', 'a=1']],
    [['/loop', '-L', '--max-redirs', '3', '-w', '%{num_redirects}']],
    [['/loop', '-L', '--max-redirs', '0']],
    [
      [
        '/',
        '-w',
        '\\n%{http_code}|%{response_code}|%{content_type}|%{size_download}|%{size_upload}|%{method}|%{num_redirects}|%{exitcode}|%header{x-name}|%%|%{redirect_url}|\\t.\\r\\n',
        '-d',
        'abc',
      ],
    ],
    [['/', '-w', '@format']],
    [['/', '-s', '-o', '/dev/null', '-w', '%{http_code}']],
    [['/', '-o', '/dev/null', '-D', '-']],
    [['/', '-o', 'nowhere/a', '-w', '%{http_code} %{exitcode}']],
    [['/', '-kNsS', '--show-error']],
  ])('%j', async (args, asked = {}) => {
    const expected = comparable(await curl(args, asked));
    const got = comparable(await command(['request', 'app.mjs', ...args], { cwd: folder, ...asked }));
    expect(got).toEqual(expected);
  });
});

const request = (...args: string[]) => command(['request', 'app.mjs', ...args], { cwd: folder });
const inFolder = (name: string) => join(folder, name);

describe('where curl needs a network or prints another message', () => {
  test('a jar keeps the cookies of one command for the next', async () => {
    expect(await request('/login', '-c', 'jar')).toEqual({ code: 0, stdout: 'in', stderr: '' });
    const jar = readFileSync(inFolder('jar'), 'utf8');
    expect(jar).toBe(
      '# Netscape HTTP Cookie File\n\nlocalhost\tFALSE\t/below\tFALSE\t0\tbelow\t2\nlocalhost\tFALSE\t/\tFALSE\t4102444800\tid\t4\n',
    );
    expect((await request('/', '-b', 'jar')).stdout).toBe('GET /? 0\nHTTP_COOKIE: id=4\n');
    expect((await request('/below/a', '-b', 'jar', '-b', 'c=5')).stdout).toBe('GET /below/a? 0\nHTTP_COOKIE: below=2; id=4; c=5\n');
    expect((await request('http://elsewhere/', '-b', 'jar')).stdout).toBe('GET /? 0\n');
    // Before the first command there is no jar.
    expect((await request('/', '-b', 'other', '-c', 'other')).stdout).toBe('GET /? 0\n');
    expect((await request('/to/302?/a', '-sL', '-b', 'other', '-c', '-')).stdout).toBe(
      'GET /a? 0\nHTTP_COOKIE: seen=302\n# Netscape HTTP Cookie File\n\nlocalhost\tFALSE\t/\tFALSE\t0\tseen\t302\n',
    );
  });

  test("curl reads the cookie jar of request, and request reads curl's", async () => {
    await request('/login', '-c', 'ours');
    expect((await curl(['/', '-b', 'ours'], {})).stdout).toBe('GET /? 0\nHTTP_COOKIE: id=4\n');
    await curl(['/login', '-c', 'theirs'], {});
    expect((await request('/', '-b', 'theirs')).stdout).toBe('GET /? 0\nHTTP_COOKIE: id=4\n');
  });

  test('-L does not leave the application; https belongs to it', async () => {
    expect(await request('/to/302?http%3A%2F%2Felsewhere%2Fa', '-L')).toEqual({
      code: 0,
      stdout: 'moved',
      stderr: 'run-with-cgi: the redirect to http://elsewhere/a leads out of the application; it is not followed\n',
    });
    expect((await request('/to/302?https%3A%2F%2Flocalhost%2Fa', '-L', '-w', '%{url_effective}')).stdout).toBe(
      'GET /a? 0\nhttps://localhost/a',
    );
    expect((await request('/to/302?mailto%3Aada%40example.org', '-sL')).stdout).toBe('moved');
  });

  test('-o and -D write files; a missing folder is an error', async () => {
    expect(await request('/', '-o', 'out', '-D', 'head')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(inFolder('out'), 'utf8')).toBe('GET /? 0\n');
    expect(readFileSync(inFolder('head'), 'latin1')).toBe('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Name: D\xfcrer\r\n\r\n');
    expect(await request('/', '-i', '-o', 'out')).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(inFolder('out'), 'latin1')).toBe(`${readFileSync(inFolder('head'), 'latin1')}GET /? 0\n`);
    expect(await request('/', '-o', 'nowhere/out')).toEqual({
      code: 23,
      stdout: '',
      stderr: "run-with-cgi: the response could not be written: ENOENT: no such file or directory, open 'nowhere/out'\n",
    });
    expect(await request('/missing', '-f', '-o', 'not-made')).toMatchObject({ code: 22 });
    expect(existsSync(inFolder('not-made'))).toBe(false);
    await request('/empty', '-o', 'empty-one');
    expect(readFileSync(inFolder('empty-one'), 'utf8')).toBe('');
  });

  test('-s prints no errors, -s -S prints them', async () => {
    expect((await request('/missing', '-sf')).stderr).toBe('');
    expect((await request('/missing', '-sSf')).stderr).toBe("run-with-cgi: the response's status is 404 Not Found\n");
  });

  test('-w prints times, and warns of an unknown variable', async () => {
    const { stdout, stderr } = await request('/', '-so', '/dev/null', '-w', '%{time_starttransfer} %{time_total} %{nothing}.');
    expect(stdout).toMatch(/^0\.\d{6} 0\.\d{6} \.$/);
    expect(stderr).toBe('');
    expect((await request('/', '-o', '/dev/null', '-w', '%{nothing}')).stderr).toBe(
      'run-with-cgi: there is no variable nothing for --write-out\n',
    );
  });

  test.each<[args: string[], message: string]>([
    [['-d', 'a', '-F', 'b=c'], 'Give only one of --data, --form: each makes a whole body [option-wrong]'],
    [['-I', '-d', 'a'], 'A HEAD request has no body; give --get, too, or leave --head out [option-wrong]'],
    [['-F', 'a'], 'A form field must be name=value, got a [option-wrong]'],
    [['-F', 'a=b;c'], `";c" is neither ;type= nor ;filename=; write a value with ";" in it as -F 'a="..."' [option-wrong]`],
    [
      ['-F', 'a=@nowhere'],
      "The request body could not be read from nowhere: ENOENT: no such file or directory, open 'nowhere' [body-not-readable]",
    ],
    [
      ['-H', '@nowhere'],
      "The headers could not be read from nowhere: ENOENT: no such file or directory, open 'nowhere' [body-not-readable]",
    ],
    [['-L', '--max-redirs', 'x'], '--max-redirs must be a number, got x [option-wrong]'],
    [['-m', 'soon'], '--max-time must be a number, got soon [option-wrong]'],
    [['--locatoin'], 'There is no option --locatoin; did you mean --location? [option-wrong]'],
  ])('%j', async (args, message) => {
    expect(await request(...args)).toEqual({ code: 2, stdout: '', stderr: `run-with-cgi: ${message}\n` });
  });
});
