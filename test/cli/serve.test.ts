// run-with-cgi serve: the development server, until it is told to stop.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { ask } from '../servers/client.ts';
import { ECHO, start, withFolder } from './command.ts';

const { folder, write } = withFolder({
  'app.mjs': ECHO,
  'listener.mjs': 'export default (req, res) => res.end();',
  'scripts/hello.sh': '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nshell $REQUEST_METHOD $PATH_INFO\\n"\n',
});

const serving = async (args: string[]) => {
  const child = start(['serve', ...args, '--port', '0'], { cwd: folder });
  let stderr = '';
  let stdout = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  while (!/:\d+\//.test(stdout)) {
    if (child.exitCode !== null) throw new Error(stderr);
    await sleep(20);
  }
  return { child, port: Number(/:(\d+)\//.exec(stdout)?.[1]), said: () => stdout, log: () => stderr };
};
const stopped = async (child: ReturnType<typeof start>, signal: NodeJS.Signals = 'SIGTERM') => {
  child.kill(signal);
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
};

test('an application is served until SIGINT', async () => {
  const { child, port, said } = await serving(['app.mjs']);
  expect(said()).toBe(`Serving application of app.mjs at http://127.0.0.1:${port}/\nCtrl-C ends it.\n`);
  expect(await ask(port, { path: '/a', method: 'POST', body: 'x' })).toMatchObject({ status: 200, body: 'POST /a x' });
  expect(await stopped(child, 'SIGINT')).toBe(0);
});

test('a Node listener is served; -p is --port', async () => {
  const child = start(['serve', 'listener.mjs', '-p', '0'], { cwd: folder });
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toMatch(/^Serving the default export of listener\.mjs, a Node listener, at http:\/\/127\.0\.0\.1:\d+\/\n/);
  expect(await stopped(child)).toBe(0);
});

test('a folder of CGI programs is served below /cgi-bin/', async () => {
  const { child, port, said } = await serving(['scripts']);
  expect(said()).toContain(`Serving the folder scripts at http://127.0.0.1:${port}/cgi-bin/\n`);
  expect((await ask(port, { path: '/cgi-bin/hello.sh/x' })).body).toBe('shell GET /x\n');
  expect((await ask(port, { path: '/' })).status).toBe(404);
  expect(await stopped(child)).toBe(0);
});

test('--cgi: a process for each request', async () => {
  const { child, port } = await serving(['app.mjs', '--cgi']);
  expect((await ask(port, { path: '/a', method: 'POST', body: 'x' })).body).toBe('POST /a x');
  expect(await stopped(child)).toBe(0);
});

test('--watch: a changed file is loaded again', async () => {
  write(
    'changing.mjs',
    `import { text } from './text.mjs'; export default (environ, start) => { start('200 OK', [['Content-Type', 'text/plain']]); return text; };`,
  );
  write('text.mjs', `export const text = 'before';`);
  const port = await freePort();
  const child = start(['serve', 'changing.mjs', '--watch', '--port', String(port)], { cwd: folder });
  /** Asks until the answer is no longer `old`, and returns it. */
  const answerAfter = async (old: string) => {
    for (let tries = 0; ; tries++) {
      const body = await ask(port, {}).then(
        ({ body }) => body,
        () => '',
      );
      if ((body !== '' && body !== old) || tries === 200) return body;
      await sleep(50);
    }
  };
  expect(await answerAfter('')).toBe('before');
  write('text.mjs', `export const text = 'after';`);
  expect(await answerAfter('before')).toBe('after');
  await stopped(child);
});
