// Errors that nobody catches: in the development server, whose process is the command's own, and in a program that calls
// makeServer().

import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { start, withFolder } from '../cli/command.ts';
import { until } from '../host/processes.ts';

const application = `
import { setTimeout as sleep } from 'node:timers/promises';
export const application = async (environ, startResponse) => {
  if (environ.PATH_INFO === '/slow') await sleep(1000);
  if (environ.PATH_INFO === '/reject') setTimeout(() => Promise.reject(new Error('on purpose')));
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return [environ.PATH_INFO];
};
`;

const { folder } = withFolder({
  'app.mjs': application,
  'package.json': '{ "type": "module" }',
  'own.mjs': `#!/usr/bin/env node
import { makeServer } from 'run-with-cgi/server';
import { application } from './app.mjs';
process.on('exit', () => console.log('listeners: ' + process.eventNames().filter((name) => /^un/.test(String(name))).join()));
const server = makeServer('127.0.0.1', 0, application);
server.on('listening', () => console.log('http://127.0.0.1:' + server.address().port + '/'));
`,
});

const body = (url: string): Promise<string> =>
  new Promise((resolve) => {
    get(url, { agent: false }, (response) => resolve(text(response).catch(() => 'broken off'))).on('error', () => resolve('no answer'));
  });

/** Runs the command `words`, sends it requests for "/slow", "/reject" and, after the error, "/". Returns the answers, and how it ended. */
async function run(words: string[]) {
  const child = start(words, { cwd: folder });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  const url = await until(() => /http:\S+/.exec(stdout)?.[0] ?? '');
  const slow = body(`${url}slow`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const answers = [await body(`${url}reject`)];
  await until(() => stderr.includes('on purpose'));
  answers.push(await slow, await body(url));
  if (child.exitCode === null) await once(child, 'exit');
  return { answers, code: child.exitCode, stdout, stderr };
}

describe('an error that nobody catches', () => {
  test('run-with-cgi serve: running requests are answered, no more are taken, and the exit status is 1', async () => {
    const { answers, code, stderr } = await run(['serve', 'app.mjs', '--port', '0']);
    expect([answers, code]).toEqual([['/reject', '/slow', 'no answer'], 1]);
    expect(stderr).toMatch(
      /^server: \[error-uncaught\] Nobody has caught an error \(unhandledRejection\); this process takes no more requests, and ends when those that it has are answered\nserver: Error: on purpose\n(?: {4}at .*\n)+/,
    );
  });

  test('makeServer in another program changes nothing: the process ends as Node ends it', async () => {
    const { answers, code, stdout, stderr } = await run(['./own.mjs']);
    expect([answers, code]).toEqual([['/reject', 'no answer', 'no answer'], 1]);
    expect([stdout.split('\n')[1], stderr.includes('error-uncaught')]).toEqual(['listeners: ', false]);
  });
});
