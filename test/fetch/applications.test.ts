// Applications of Hono, h3 and Elysia: what their own fetch() answers to a Request, what the gateway makes of that,
// and what the file answers that is built of them, where light classes stand in for Node's.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { fromFetch } from '../../src/fetch/index.ts';
import { cgiScript } from '../../src/host/index.ts';
import { call } from '../../src/testing/index.ts';
import type { Application, Header } from '../../src/types.ts';
import elysia from './applications/elysia.ts';
import h3 from './applications/h3.ts';
import hono from './applications/hono.ts';

interface Question {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

interface Answer {
  status: number;
  headers: Header[];
  /** A byte string. */
  body: string;
}

const applications: [name: string, application: { fetch(request: Request): Response | Promise<Response> }][] = [
  ['hono', hono],
  ['h3', h3],
  ['elysia', elysia],
];

const MULTIPART = [
  ...['--limit', 'Content-Disposition: form-data; name="text"', '', 'grün'],
  ...['--limit', 'Content-Disposition: form-data; name="file"; filename="a b.txt"', 'Content-Type: text/plain', '', 'line\r\nline'],
  ...['--limit', 'Content-Disposition: form-data; name="text"', '', 'again'],
  ...['--limit--', ''],
].join('\r\n');
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const FORM_DATA = { 'Content-Type': 'multipart/form-data; boundary=limit' };
const JSON_TYPE = { 'Content-Type': 'application/json' };
const TEXT = { 'Content-Type': 'text/plain' };
const BYTES = { 'Content-Type': 'application/octet-stream' };

const get = (path: string): [string, Question] => [`GET ${path}`, { path }];
const post = (what: string, path: string, headers: Record<string, string>, body: string | Buffer): [string, Question] => [
  what,
  { method: 'POST', path, headers, body },
];
const questions: [what: string, question: Question][] = [
  ...['/text', '/html', '/json', '/bytes', '/empty', '/redirect', '/throw', '/refuse', '/request', '/nowhere', '/'].map(get),
  ...['/stream', '/readable', '/events', '/wrapped/text', '/wrapped/response', '/text/', '//text'].map(get),
  ...['/params/a%20b/c%2Fd', '/params/%E9/x', '/query?a=1&b=%20c&a=2&d=%C3%BC', '/query?'].map(get),
  ...['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD'].map((method): [string, Question] => [
    `${method} /method`,
    { method, path: '/method' },
  ]),
  ['HEAD /text', { method: 'HEAD', path: '/text' }],
  ['several Set-Cookie', { path: '/cookies', headers: { Cookie: 'a=0; c=%C3%BC; d="q"' } }],
  ['headers', { path: '/request', headers: { Accept: 'a/b;q=0.5', 'X-One': 'D\xfcrer', Authorization: 'Basic eDp5', Cookie: 'a=1' } }],
  post('text', '/body/text', TEXT, 'grün €'),
  post('JSON', '/body/json', JSON_TYPE, '{"a":[1,"ü"]}'),
  post('JSON that is none', '/body/json', JSON_TYPE, '{"a":'),
  post('a form', '/body/form', FORM, 'a=1&b=%C3%BC+c&a=2'),
  post('a form of parts', '/body/form', FORM_DATA, MULTIPART),
  post('a form of parts that the framework reads', '/body/parsed', FORM_DATA, MULTIPART),
  post('a form of parts without an end', '/body/form', FORM_DATA, '--limit\r\n'),
  post('a form that the framework reads', '/body/parsed', FORM, 'a=1&b=2'),
  post('bytes', '/body/bytes', BYTES, Buffer.from([0, 255, 128, 10])),
  post('a megabyte through', '/body/pipe', BYTES, Buffer.alloc(1_000_000, 'abcdefg')),
  post('a body read twice, by a clone', '/body/clone', TEXT, 'twice'),
  post('a body that nobody reads', '/body/unread', TEXT, 'x'),
  post('an empty body', '/body/text', TEXT, ''),
];

/** By the application itself, with the headers that a client sends. */
async function direct(application: { fetch(request: Request): Response | Promise<Response> }, question: Question): Promise<Answer> {
  const { method = 'GET', path, headers = {}, body } = question;
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const request = new Request(`http://localhost${path}`, {
    method,
    headers: { Host: 'localhost', ...headers, ...length },
    // No client can tell an empty body from none.
    ...(body && { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  const { status, headers: answered, body: stream } = await application.fetch(request);
  const blocks: Buffer[] = [];
  // Servers let blocks of text pass, which Elysia makes, where arrayBuffer() does not.
  if (stream) for await (const block of stream) blocks.push(Buffer.from(block));
  return { status, headers: [...answered], body: Buffer.concat(blocks).toString('latin1') };
}

async function through(gateway: Application, question: Question): Promise<Answer> {
  const { status, headers, body, complete } = await call(gateway, question);
  expect(complete).toBe(true);
  return {
    status: Number(status.slice(0, 3)),
    headers: [...headers].map(([name, value]) => [name.toLowerCase(), value]),
    body: body.toString('latin1'),
  };
}

/** The gateway tells a length where the application does not, and leaves the connection to the server; nothing else may differ. */
function comparable({ headers, ...rest }: Answer, other: Answer): object {
  const tellsLength = other.headers.some(([name]) => name === 'content-length');
  const isFraming = (name: string) => /^(?:connection|transfer-encoding)$/.test(name) || (name === 'content-length' && !tellsLength);
  return { ...rest, headers: headers.filter(([name]) => !isFraming(name)).sort() };
}

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-fetch-'));
afterAll(() => rmSync(folder, { recursive: true }));
// h3 logs what a handler throws.
beforeAll(() => void vi.spyOn(console, 'error').mockImplementation(() => {}));

describe.each(applications)('%s', (name, application) => {
  const script = join(folder, `${name}.cgi`);
  beforeAll(async () => {
    const source = fileURLToPath(new URL(`applications/${name}.ts`, import.meta.url));
    await buildScript(source, script, { exportName: 'default', interface: 'fetch' });
  });

  test.each(questions)('%s', async (_what, question) => {
    const [expected, ...others] = await Promise.all([
      direct(application, question),
      through(fromFetch(application), question),
      through(cgiScript(script, { passAuthorization: true }), question),
    ]);
    for (const got of others) expect(comparable(got, expected)).toEqual(comparable(expected, got));
  });

  test('below the path of its script', async () => {
    const { status, text } = await call(cgiScript(script), { path: '/text', environ: { SCRIPT_NAME: '/cgi-bin/app.cgi' } });
    expect([status, text]).toEqual(['200 OK', 'grün €']);
  });
});
