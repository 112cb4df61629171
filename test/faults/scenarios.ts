// The requests of the fault harness, to applications of every kind, with their right responses.

import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Launch, root, type Workshop } from './run.ts';

/** A request that is the same each time, and what must come of it. */
export interface Scenario extends Omit<Launch, 'faults' | 'trace'> {
  name: string;
  /** The response of a run without faults, as a byte string. */
  right: string;
  /** Another response that is right, where the system does not tell the length of a file. */
  unsized: string;
  /** The responses by which a framework itself answers a request body that cannot be read. */
  answers?: RegExp | undefined;
  /** Whether the application fails by itself: then the exit status is 1, and the log tells why. */
  fails: boolean;
  /** Whether the script is a built file. Node loads the modules of others by itself, and answers nothing when that fails. */
  isBuilt: boolean;
  /** Which files may be left in the folder for temporary files. */
  keeps: RegExp;
}

/** Bytes of a request body that does not stay in memory. */
const LARGE = 1_500_000;

const SMALL_BODY = 'first line\nsecond line\n';
const LARGE_BODY = Array.from({ length: LARGE / 10 }, (_, at) => `${String(at).padStart(9, '0')}\n`).join('');
const BLOCK = 'x'.repeat(100_000);
const NOTHING = /^$/;

const PROGRAM = `#!/bin/sh
printf 'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\none\\n'
printf 'two\\n'
`;

interface Words {
  name: string;
  /** The application of applications.ts; the first word of `name` by default. */
  application?: string;
  command?: readonly string[];
  body?: string;
  env?: Readonly<Record<string, string>>;
  options?: readonly string[];
  head?: readonly string[];
  content: string;
  fails?: boolean;
  keeps?: RegExp;
  answers?: RegExp;
  program?: string;
  prepare?: () => void;
}

/** Returns a response as a byte string: `lines` are status and headers. */
export function responseOf(lines: readonly string[], content = ''): string {
  return `${lines.join('\r\n')}\r\n\r\n${content}`;
}

const OK = ['Status: 200 OK', 'Content-Type: text/plain'];
const FAILED = ['Status: 500 Internal Server Error', 'Content-Type: text/plain', 'Content-Length: 26'];
const EXPRESS = [
  'Status: 200 OK',
  'X-Powered-By: Express',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 6',
  'ETag: W/"6-9XLTlvrpIGYocU+yzgD3LpTyJY8"',
];
const EXPRESS_ECHO = [...EXPRESS.slice(0, 3), 'Content-Length: 23', 'ETag: W/"17-TAG"'];
const withLength = (content: string) => [...OK, `Content-Length: ${content.length}`];

/** Builds the scripts, and returns all scenarios. */
export function makeScenarios(workshop: Workshop): Scenario[] {
  const inFolder = (name: string) => join(workshop.folder, name);
  const script = workshop.build('applications.ts');
  const hono = workshop.build('hono.ts');
  const express = workshop.build('express.ts');
  copyFileSync(script, inFolder('nph-applications.cgi'));
  writeFileSync(inFolder('program.cgi'), PROGRAM);
  chmodSync(inFolder('program.cgi'), 0o755);
  writeFileSync(inFolder('large'), LARGE_BODY);
  writeFileSync(inFolder('small'), SMALL_BODY);
  writeFileSync(
    inFolder('source.mjs'),
    `import { runWithCgi } from ${JSON.stringify(join(root, 'dist/index.js'))};
runWithCgi((environ, startResponse) => { startResponse('200 OK', [['Content-Type', 'text/plain']]); return ['hello\\n']; });
`,
  );
  const source = [process.execPath, inFolder('source.mjs')];

  const warmScript = workshop.build('warm.ts', '--warm', '--perl', '/usr/bin/perl');
  const warmEnv = { TMPDIR: inFolder('warm'), RUN_WITH_CGI_IDLE_EXIT: '60' };
  const request = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET', SCRIPT_NAME: '/app' };
  const prepare = workshop.warmer(warmScript, { ...request, ...warmEnv });
  const warm = { command: [warmScript], env: warmEnv, program: 'perl', prepare };

  const scenarios: Words[] = [
    { name: 'hello', head: withLength('hello\n'), content: 'hello\n' },
    { name: 'hello socket', options: ['socket'], head: withLength('hello\n'), content: 'hello\n' },
    { name: 'hello same', options: ['same'], head: withLength('hello\n'), content: 'hello\n' },
    { name: 'hello mute', options: ['mute'], head: withLength('hello\n'), content: 'hello\n' },
    { name: 'hello source', command: source, head: withLength('hello\n'), content: 'hello\n' },
    { name: 'hello HEAD', env: { REQUEST_METHOD: 'HEAD' }, head: withLength('hello\n'), content: '' },
    {
      name: 'hello nph',
      command: [inFolder('nph-applications.cgi')],
      env: { SCRIPT_FILENAME: inFolder('nph-applications.cgi') },
      head: ['HTTP/1.1 200 OK', 'Date: now', 'Content-Type: text/plain', 'Content-Length: 6', 'Connection: close'],
      content: 'hello\n',
    },
    { name: 'blocks', content: 'one\ntwo\nthree\n' },
    { name: 'blocks socket', options: ['socket'], content: 'one\ntwo\nthree\n' },
    { name: 'blocks server', options: ['server'], content: 'one\ntwo\nthree\n' },
    { name: 'blocks loose', options: ['loose=0', 'loose=1', 'loose=2'], content: 'one\ntwo\nthree\n' },
    { name: 'large', content: BLOCK.repeat(3) },
    { name: 'large loose', options: ['loose=1'], content: BLOCK.repeat(3) },
    { name: 'large socket server', options: ['socket', 'server'], content: BLOCK.repeat(3) },
    { name: 'stream', content: 'one\ntwo\nthree\n' },
    { name: 'stream socket', options: ['socket'], content: 'one\ntwo\nthree\n' },
    { name: 'write', content: 'one\ntwo\nthree\n' },
    { name: 'file', env: { FILE: inFolder('large') }, head: withLength(LARGE_BODY), content: LARGE_BODY },
    { name: 'echo', body: 'small', content: SMALL_BODY },
    { name: 'echo large', body: 'large', content: LARGE_BODY },
    { name: 'echo large first', body: 'large', options: ['first'], content: LARGE_BODY },
    { name: 'echo socket', body: 'small', options: ['socket'], content: SMALL_BODY },
    {
      name: 'echo unsized',
      body: 'small',
      env: { CONTENT_LENGTH: '', HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE: 'Apache' },
      content: SMALL_BODY,
    },
    { name: 'lines', body: 'small', content: SMALL_BODY },
    { name: 'async-echo', body: 'small', content: SMALL_BODY },
    { name: 'async-echo large', body: 'large', content: LARGE_BODY },
    { name: 'async-echo large first', body: 'large', options: ['first'], content: LARGE_BODY },
    { name: 'async-echo socket', body: 'small', options: ['socket'], content: SMALL_BODY },
    { name: 'part', body: 'small', content: 'first line\n' },
    { name: 'unread', body: 'large', options: ['first'], content: 'unread\n' },
    { name: 'unread socket', body: 'large', options: ['socket', 'first'], content: 'unread\n' },
    { name: 'spooled', body: 'large', content: BLOCK + LARGE_BODY },
    { name: 'spooled first', body: 'large', options: ['first'], content: BLOCK + LARGE_BODY },
    { name: 'throws-at-once', head: FAILED, content: '500 Internal Server Error\n', fails: true },
    { name: 'throws-later', content: 'one\n', fails: true },
    { name: 'throws-in-close', content: 'one\n', fails: true },
    { name: 'slow-close', content: 'one\n' },
    { name: 'slow-close socket', options: ['socket'], content: 'one\n' },
    { name: 'logs', content: 'one\ntwo\n' },
    { name: 'logs same', options: ['same'], content: 'one\ntwo\n' },
    { name: 'logs mute', options: ['mute'], content: 'one\ntwo\n' },
    { name: 'children', content: 'one\ntwo\n' },
    { name: 'children socket', options: ['socket'], content: 'one\ntwo\n' },
    { name: 'hosted', env: { PROGRAM: inFolder('program.cgi') }, content: 'one\ntwo\n' },
    {
      name: 'hono',
      command: [hono],
      head: ['Status: 200 OK', 'content-type: text/plain;charset=UTF-8', 'content-length: 6'],
      content: 'hello\n',
    },
    {
      name: 'hono echo',
      answers: /^Status: 500 Internal Server Error\r\ncontent-type: text\/plain;[^\r]*\r\ncontent-length: 21\r\n\r\nInternal Server Error$/,
      command: [hono],
      body: 'small',
      head: ['Status: 200 OK', `content-length: ${SMALL_BODY.length}`],
      content: SMALL_BODY,
    },
    { name: 'express', command: [express], head: EXPRESS, content: 'hello\n' },
    {
      name: 'express echo',
      command: [express],
      body: 'small',
      env: { CONTENT_TYPE: 'text/plain' },
      head: EXPRESS_ECHO,
      content: SMALL_BODY,
    },
    ...['', ' socket', ' server'].map((kind) => ({
      ...warm,
      name: `warm${kind}`,
      options: kind.split(' ').filter(Boolean),
      head: withLength('hello\n'),
      content: 'hello\n',
    })),
    { ...warm, name: 'warm echo', body: 'small', head: withLength(SMALL_BODY), content: SMALL_BODY },
    { ...warm, name: 'warm echo large', body: 'large', options: ['first'], head: withLength(LARGE_BODY), content: LARGE_BODY },
    // Flags of V8 make it refuse the compiled code in the script. The process makes code anew when the response is out.
    {
      name: 'hello code',
      env: { NODE_OPTIONS: '--max-semi-space-size=1 --stack-trace-limit=20' },
      head: withLength('hello\n'),
      content: 'hello\n',
      keeps: /^run-with-cgi-\d+(\/code(\/[^/]+(?<!\.new))?)?$/,
    },
  ];
  return scenarios.map(({ name, application = name.split(' ')[0] ?? '', command = [script], body, env, options = [], ...rest }) => ({
    name,
    command,
    // Node loads an ES module in steps of its own; the package is the last of them.
    script: command === source ? join(root, 'dist/index.js') : (command.at(-1) ?? ''),
    env: {
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: body ? 'POST' : 'GET',
      SCRIPT_NAME: '/cgi-bin/app.cgi',
      PATH_INFO: '/',
      QUERY_STRING: '',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      HTTP_HOST: 'localhost',
      CASE: application,
      ...(body && { CONTENT_LENGTH: String(body === 'large' ? LARGE_BODY.length : SMALL_BODY.length) }),
      ...env,
    },
    options: ['wait=8000', ...options, ...(body ? [`body=${inFolder(body)}`] : [])],
    right: responseOf(rest.head ?? OK, rest.content),
    answers: rest.answers,
    program: rest.program ?? 'node',
    prepare: rest.prepare,
    unsized: responseOf(OK, rest.content),
    fails: rest.fails ?? false,
    isBuilt: command !== source,
    keeps: rest.keeps ?? NOTHING,
  }));
}
