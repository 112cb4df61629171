// The help of the command, its version, and its messages about mistakes on the command line.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { command, ECHO, withFolder } from './command.ts';

const { folder } = withFolder({
  'app.mjs': ECHO,
  'empty/plain.txt': 'no program',
});
const run = (args: string[]) => command(args, { cwd: folder });

test('--help, -h and no command at all list the commands', async () => {
  const { code, stdout } = await run(['--help']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: run-with-cgi <command>/);
  expect((await run(['-h'])).stdout).toBe(stdout);
  expect(await run([])).toMatchObject({ code: 2, stdout });
});

test.each(['request', 'serve', 'validate', 'build', 'fastcgi', 'scgi'])(
  '%s --help lists its options in 80 columns, whatever else is on the line',
  async (name) => {
    const { code, stdout, stderr } = await run([name, '--nonsense', '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: run-with-cgi ${name} `));
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(81);
  },
);

test('-h and --help ask for help, but not as the value of an option', async () => {
  const { stdout } = await run(['request', '--help']);
  expect((await run(['request', 'app.mjs', '-h'])).stdout).toBe(stdout);
  expect((await run(['request', 'app.mjs', '/', '-d', '-h'])).stdout).toBe('POST / -h');
  expect((await run(['request', 'app.mjs', '/', '--data', '--help'])).stdout).toBe('POST / --help');
});

test('--version, -V and -v tell the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  for (const option of ['--version', '-V', '-v']) expect(await run([option])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

describe('mistakes on the command line', () => {
  test.each<[string[], string]>([
    [['requst', 'app.mjs'], 'There is no command requst; did you mean request? [command-unknown]'],
    [
      ['frobnicate'],
      'There is no command frobnicate; there are request, serve, validate, doctor, build, init, fastcgi, scgi [command-unknown]',
    ],
    [['scripts/nowhere.cgi'], 'There is no file scripts/nowhere.cgi [module-not-found]'],
    [['request'], 'Name the application: a module, a CGI program, or a folder of CGI programs [option-wrong]'],
    [['request', 'app.mjs', 'x'], 'A path must begin with "/", got x; make it "/x" [path-wrong]'],
    [['request', '/', 'app.mjs'], 'The application comes first: request app.mjs / [option-wrong]'],
    [['request', 'app.mjs', '/a', 'b'], 'Name one path; b is too much. Put quotes around a path with spaces [option-wrong]'],
    [['request', 'app.mjs', '--fial'], 'There is no option --fial; did you mean --fail? [option-wrong]'],
    [['request', 'app.mjs', '-z'], 'There is no option -z [option-wrong]'],
    [['request', 'app.mjs', '-H', 'X'], 'A header must be "Name: value", got "X" [header-malformed]'],
    [
      ['request', 'app.mjs', '-d', '@nowhere'],
      "The request body could not be read from nowhere: ENOENT: no such file or directory, open 'nowhere' [body-not-readable]",
    ],
    [['request', 'app.mjs', '-d', '@empty'], 'The request body could not be read from empty: it is a folder [body-not-readable]'],
    [['validate', 'app.mjs', 'x'], 'A path must begin with "/", got x; make it "/x" [path-wrong]'],
    [['serve', 'app.mjs', 'b'], 'Name one application; b is too much [option-wrong]'],
    [['serve', 'app.mjs', '--port', 'x'], 'A port must be a number up to 65535, got x [option-wrong]'],
    [['serve', 'empty'], 'The folder empty holds no executable file; make one with chmod +x [scripts-missing]'],
  ])('%j', async (args, message) => {
    expect(await run(args)).toEqual({ code: 2, stdout: '', stderr: `run-with-cgi: ${message}\n` });
  });

  test('name a port that is in use, and an address of another machine', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = String(typeof address === 'object' && address?.port);
    expect(await run(['serve', 'app.mjs', '--port', port])).toEqual({
      code: 2,
      stdout: '',
      stderr: `run-with-cgi: Port ${port} is in use; --port 0 takes any free port [address-in-use]\n`,
    });
    server.close();
    expect((await run(['serve', 'app.mjs', '--host', '192.0.2.1'])).stderr).toContain(
      'run-with-cgi: 192.0.2.1 is not an address of this machine [address-not-allowed]',
    );
  });
});
