// #!/usr/bin/env run-with-cgi makes a module a CGI script.

import { expect, test } from 'vitest';
import { command, withFolder } from './command.ts';

const { folder } = withFolder({
  'hello.cgi': `#!/usr/bin/env run-with-cgi
import { basename } from 'node:path';
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return basename(environ.PATH_INFO) + '\\n'; };`,
  'printing.cgi': `#!/usr/bin/env run-with-cgi
console.log('by console'); process.stdout.write('by stdout\\n');
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return '.'; };`,
  'broken.cgi': '#!/usr/bin/env run-with-cgi\nexport default (',
  serve: `#!/usr/bin/env run-with-cgi
export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return process.argv.length + ' arguments'; };`,
  'script.mjs': `import { runWithCgi } from 'run-with-cgi';
    runWithCgi((environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return 'a script ' + environ['app.name'] + environ['wsgi.input'].read(); }, { env: { 'app.name': 'x' }, maxBodySize: 3 });`,
});
const run = (args: string[], more: { stdin?: string | Buffer; env?: Record<string, string> } = {}) =>
  command(args, { cwd: folder, ...more });

const response = (body: string) => `Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const cgi = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/hello.cgi', PATH_INFO: '/world' };

test('the module is a CGI script', async () => {
  expect(await run(['./hello.cgi'], { env: cgi })).toEqual({
    code: 0,
    stdout: response('world\n'),
    stderr: '',
  });
});

test('what the module prints while it is loaded goes to the log', async () => {
  const { stdout, stderr } = await run(['./printing.cgi'], { env: cgi });
  expect(stdout).toBe(response('.'));
  expect(stderr).toBe('by console\nby stdout\n');
});

test('the script can be tried out in a shell', async () => {
  expect(await run(['./hello.cgi'])).toEqual({ code: 0, stdout: response('\n'), stderr: '' });
});

test('RFC 3875 #14, CVE-2012-1823: arguments from the query have no effect, not even for a script with the name of a command', async () => {
  expect((await run(['./hello.cgi', '--help'], { env: cgi })).stdout).toBe(response('world\n'));
  expect((await run(['./serve', '--port', '80'], { env: cgi })).stdout).toBe(response('5 arguments'));
  expect((await run(['serve', '--port', '80'], { env: cgi })).stdout).toBe(response('5 arguments'));
});

test('a module that cannot be loaded gives 500, and the log says why', async () => {
  const { stdout, stderr, code } = await run(['./broken.cgi'], { env: cgi });
  expect([code, stdout]).toEqual([
    1,
    'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error\n',
  ]);
  expect(stderr).toMatch(/^cgi: UserError: .*\/broken\.cgi could not be loaded\n[\s\S]*SyntaxError/);
});

test('a module that calls runWithCgi() itself keeps the options that it gives', async () => {
  expect((await run(['script.mjs'], { env: { ...cgi, CONTENT_LENGTH: '3', REQUEST_METHOD: 'POST' }, stdin: 'abc' })).stdout).toBe(
    response('a script xabc'),
  );
});
