// build tries the script out: the request that it sends, and what it says when the script does not answer.

import { describe, expect, test } from 'vitest';
import { freshProject } from './project.ts';

const { write, build, leftovers } = freshProject();
const handler = (statement: string, head = '') => `${head}\nexport default { fetch(request) { ${statement} } };\n`;

describe('build refuses an application that', () => {
  const asked = 'run-with-cgi: app.cgi was asked for /, in an empty folder and environment, and';

  test.each<[string, string, string]>([
    [
      'ends before it answers',
      "if (process.env.GATEWAY_INTERFACE) { console.error('bye'); process.exit(3); }\nexport default () => {};\n",
      `${asked} ended with exit status 3, without an answer [build-fails]\nbye\n`,
    ],
    [
      'is killed',
      "if (process.env.GATEWAY_INTERFACE) process.kill(process.pid, 'SIGKILL');\nexport default () => {};\n",
      `${asked} ended with SIGKILL, without an answer [build-fails]\n`,
    ],
    [
      'waits for ever',
      handler("console.error('waiting'); return new Promise((resolve) => setTimeout(resolve, 60_000));"),
      `${asked} gave no answer in 10 seconds; --trial-path takes another path, --no-trial no trial at all [build-fails]\nwaiting\n`,
    ],
  ])('%s', (_why, source, message) => {
    write({ 'app.mjs': source });
    expect(build('app.mjs')).toMatchObject({ stderr: message, status: 2 });
    expect(leftovers()).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    [
      'misses a file',
      handler("return new Response(readFileSync('page.html'));", "import { readFileSync } from 'node:fs';"),
      /and answered by 500; name the files and folders that it reads by --assets \[build-fails\]\n/,
    ],
    [
      'misses a module whose name is made at run time',
      handler(
        "const name = 'some' + 'thing'; return createRequire(import.meta.url)(name);",
        "import { createRequire } from 'node:module';",
      ),
      /and answered by 500; it requires something by a name that it makes while it runs: import something by its name, or leave it out by --external something and install it where the script runs \[/,
    ],
    [
      'misses a native addon',
      handler("throw new Error('Could not locate the bindings file. Tried: …');"),
      /; it needs a native addon, which cannot be built in: leave its package out by --external, and install it where the script runs \[/,
    ],
    [
      'misses the cache of Cloudflare',
      handler('return caches.default.match(request);'),
      /; only Cloudflare has caches: test globalThis\.caches before you use them \[/,
    ],
  ])('%s; the message says what helps', (_why, source, message) => {
    write({ 'app.mjs': source });
    const { stderr, status } = build('app.mjs');
    expect(stderr).toMatch(message);
    expect([status, leftovers()]).toEqual([2, []]);
  });
});

describe('the request of the trial', () => {
  const routes = (routes: string) => handler(`const { pathname, search } = new URL(request.url); ${routes}`);

  test('uses the path and the query of --trial-path', () => {
    write({
      'app.mjs': routes("if (pathname + search !== '/health/%C3%BC?a=b') throw new Error(pathname + search); return new Response('');"),
    });
    expect(build('app.mjs', '--trial-path', '/health/%C3%BC?a=b')).toMatchObject({ stderr: '', status: 0 });
    expect(build('app.mjs').stderr).toContain('app.cgi was asked for /, in an empty');
    expect(build('app.mjs', '--trial-path', 'health')).toMatchObject({
      stderr: 'run-with-cgi: The path of --trial-path must begin with "/", got health [path-wrong]\n',
      status: 2,
    });
    expect(build('app.mjs', '--trial-path', '/%FF')).toMatchObject({
      stderr: 'run-with-cgi: The path of --trial-path must be UTF-8 behind its %, got /%FF [path-wrong]\n',
      status: 2,
    });
  });

  test('is left out with --no-trial', () => {
    write({
      'app.mjs': routes("writeFileSync('/proc/self/cwd/asked', ''); return new Response('');").replace(
        /^/,
        "import { writeFileSync } from 'node:fs';\nif (process.env.GATEWAY_INTERFACE) throw new Error('run');\n",
      ),
    });
    const { stdout, stderr, status } = build('app.mjs', '--no-trial');
    expect([stdout, stderr, status]).toEqual([
      expect.stringMatching(/^Building the default export of app\.mjs, a Fetch handler, into app\.cgi\napp\.cgi: \d+ kB\n$/),
      '',
      0,
    ]);
  });

  test.each([
    [
      'everywhere',
      "return new Response('', { status: 404 });",
      'warning: / is answered by 404; --trial-path names a path that the application has\n',
    ],
    [
      'behind the path of a script',
      "return new Response('', { status: environ.SCRIPT_NAME ? 404 : 200 });",
      'warning: / is answered by 200 at the root of a server, and by 404 behind the path of a script, /cgi-bin/app.cgi\n',
    ],
    [
      'at the root',
      "return new Response('', { status: environ.SCRIPT_NAME ? 200 : 404 });",
      'warning: / is answered by 404 at the root of a server, and by 200 behind the path of a script, /cgi-bin/app.cgi\n',
    ],
  ])('is answered by 404 %s: a warning', (_where, statement, stderr) => {
    write({ 'app.mjs': handler(statement).replace('request', 'request, environ') });
    expect(build('app.mjs')).toMatchObject({ stderr, status: 0 });
  });
});
