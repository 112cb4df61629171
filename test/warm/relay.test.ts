// The relay in Perl, with a worker that the test plays itself: bodies both ways at once, early ends of either side, bytes that are
// no text, and what the environment tells Perl to do.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { buildScript } from '../../src/build/index.ts';
import { warmOpening } from '../../src/warm/opening.ts';
import { collect, type Run, versionOf, WWW_DATA } from './scripts.ts';

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-relay-'));
const script = join(folder, 'app.cgi');
const privateFolder = join(folder, `run-with-cgi-${process.geteuid?.()}`);
const source = (name: string) => readFileSync(fileURLToPath(new URL(`../../src/warm/${name}`, import.meta.url)), 'utf8');

beforeAll(async () => {
  const module = join(folder, 'app.mjs');
  writeFileSync(
    module,
    `export function application(environ, startResponse) {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['by Node: ', environ['wsgi.input'].read(), environ.HTTP_X ?? '', String(process.argv.slice(2)), process.cwd()];
}
`,
  );
  await buildScript(module, script, { exportName: 'application', warm: true, perl: '/usr/bin/perl' });
}, 60_000);
/** The path at which the relay looks for the worker. */
const socketPath = () => join(privateFolder, `${script}.${versionOf(script)}`);
beforeEach(() => {
  const place = dirname(socketPath());
  mkdirSync(place, { recursive: true, mode: 0o700 });
  // While another process starts the worker, Node starts none: the tests play it.
  writeFileSync(`${socketPath()}.lock`, '');
});
const servers = new Set<Server>();
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const server of servers) server.close();
  servers.clear();
  rmSync(privateFolder, { recursive: true, force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

interface FastCgiRecord {
  type: number;
  content: Buffer;
}

/** A request as the worker gets it. `ended` resolves when the relay closes the connection. */
interface Got {
  socket: Socket;
  records: FastCgiRecord[];
  ended: Promise<unknown>;
}

function record(type: number, content: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.from([1, type, 0, 1, bytes.length >> 8, bytes.length & 255, 0, 0]);
  return Buffer.concat([header, bytes]);
}
const END = record(3, Buffer.alloc(8));
const RESPONSE = 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n';

/** Plays the worker: listens where the relay looks for it, and calls `take` for each record that arrives. */
async function playWorker(take: (record: FastCgiRecord, got: Got) => void): Promise<Got[]> {
  const socket = socketPath();
  const place = dirname(socket);
  const all: Got[] = [];
  const server = createServer((connection) => {
    const got: Got = { socket: connection, records: [], ended: new Promise((resolve) => connection.once('close', resolve)) };
    all.push(got);
    let bytes = Buffer.alloc(0);
    connection.on('error', () => {});
    connection.on('data', (block) => {
      bytes = Buffer.concat([bytes, block]);
      for (let size = 0; bytes.length >= 8; bytes = bytes.subarray(size)) {
        size = 8 + bytes.readUInt16BE(4) + bytes.readUInt8(6);
        if (bytes.length < size) break;
        const arrived = { type: bytes.readUInt8(1), content: Buffer.from(bytes.subarray(8, 8 + bytes.readUInt16BE(4))) };
        got.records.push(arrived);
        take(arrived, got);
      }
    });
  });
  servers.add(server);
  const before = process.cwd();
  process.chdir(place); // the address of a socket is short
  server.listen(basename(socket));
  process.chdir(before);
  await once(server, 'listening');
  // The link of a living worker leads to its folder of sockets.
  const holder = spawn('/bin/sh', ['-c', `exec 9<"${place}"; echo; exec sleep 60 <&-`], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(holder.stdout, 'data');
  onTestFinished(() => void holder.kill('SIGKILL'));
  symlinkSync(`/proc/${holder.pid}/fd/9`, `${socket}.pid`);
  return all;
}

/** Answers each request with `answer` when all of its body has arrived. */
const answerWith = (answer: Buffer | string) => (arrived: FastCgiRecord, got: Got) => {
  if (arrived.type === 5 && arrived.content.length === 0) got.socket.end(answer);
};

function stream(got: Got | undefined, type: number): Buffer {
  return Buffer.concat((got?.records ?? []).filter((one) => one.type === type).map(({ content }) => content));
}

/** Returns the name-value pairs of a request, as byte strings. */
function variables(got: Got | undefined): Record<string, string> {
  const bytes = stream(got, 4);
  const found: Record<string, string> = {};
  const number = (at: number): [length: number, next: number] =>
    bytes.readUInt8(at) < 128 ? [bytes.readUInt8(at), at + 1] : [bytes.readUInt32BE(at) - 2 ** 31, at + 4];
  for (let at = 0; at < bytes.length; ) {
    const [name, afterName] = number(at);
    const [value, start] = number(afterName);
    found[bytes.toString('latin1', start, start + name)] = bytes.toString('latin1', start + name, start + name + value);
    at = start + name + value;
  }
  return found;
}

const ENV = {
  PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
  TMPDIR: folder,
  GATEWAY_INTERFACE: 'CGI/1.1',
  REQUEST_METHOD: 'GET',
  SCRIPT_NAME: '/app.cgi',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_PROTOCOL: 'HTTP/1.1',
};

function start(env: Record<string, string> = {}, command: string[] = [script]): ChildProcess & { result: Promise<Run> } {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: folder, env: { ...ENV, ...env } });
  children.add(child);
  return Object.assign(child, { result: collect(child) });
}

async function run(env: Record<string, string> = {}, body?: Buffer | string, command?: string[]): Promise<Run> {
  const child = start(env, command);
  child.stdin?.end(body);
  return child.result;
}

const post = (length: number) => ({ REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(length) });
const SERVER_ERROR =
  'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error\n';

describe('the sources', () => {
  test('compile, without a warning, and use no variable that is not declared', () => {
    const text = `my ($version, @node, @missing);\n${source('relay.pl')}${source('relay-rest.pl')}`;
    const { stderr, status } = spawnSync('/usr/bin/perl', ['-Mstrict', '-Mwarnings', '-c'], { input: text, encoding: 'utf8' });
    expect([stderr, status]).toEqual(['- syntax OK\n', 0]);
  });

  test('load no module, and do not end the comment that they are for JavaScript', () => {
    for (const name of ['relay.pl', 'relay-rest.pl']) expect(source(name)).not.toMatch(/^\s*(?:use|require|no)\s|\*\//m);
  });

  test('are a program of JavaScript as well: Node loads the file as CommonJS and as an ES module', () => {
    for (const name of ['app.cjs', 'app.mjs.mjs']) {
      const copy = join(folder, name);
      writeFileSync(copy, readFileSync(script));
      const { stdout, stderr } = spawnSync(process.execPath, [copy], { env: ENV, encoding: 'latin1', cwd: folder, input: '' });
      expect([stderr, stdout.slice(0, 14)]).toEqual(['', 'Status: 200 OK']);
    }
  });
});

test('any path of Node is passed on as it is', async () => {
  const interpreter = "/nowhere/it's\\a*/node";
  const relay = { relay: source('relay.pl'), rest: source('relay-rest.pl') };
  const file = join(folder, 'quoted.cjs');
  writeFileSync(file, `${warmOpening('', { interpreter, perl: '/usr/bin/perl', relay })}\n`, { mode: 0o755 });
  const { errors } = await run({}, '', [file]);
  expect(errors).toBe(`run-with-cgi: there is no ${interpreter}; install Node, or name its path by --interpreter [node-missing]\n`);
  expect(spawnSync(process.execPath, [file], { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

describe('a request', () => {
  test('has the records of FastCGI, and the bytes of all variables', async () => {
    const requests = await playWorker(answerWith(Buffer.concat([record(6, `${RESPONSE}hello`), record(6), END])));
    const long = 'x'.repeat(70_000);
    const command = ['/bin/sh', '-c', `A=$(printf '\\377\\303\\274'); export A; exec "$0"`, script];
    const env = { EMPTY: '', LONG: long, N128: 'y'.repeat(128), N127: 'z'.repeat(127), LINES: 'a\nb=c', [`LONG_${'N'.repeat(200)}`]: '1' };
    expect(await run(env, undefined, command)).toEqual({ status: 0, signal: null, out: Buffer.from(`${RESPONSE}hello`), errors: '' });
    const [got] = requests;
    expect(got?.records.map(({ type, content }) => [type, content.length === 0])).toEqual([
      [1, false],
      [4, false],
      [4, false],
      [4, true],
      [5, true],
    ]);
    expect(got?.records[0]?.content).toEqual(Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]));
    expect(variables(got)).toMatchObject({ ...ENV, ...env, A: '\xff\xc3\xbc' });
  });

  test('has both of two variables with one name, under the servers that give such', async () => {
    const requests = await playWorker(answerWith(Buffer.concat([record(6, RESPONSE), record(6), END])));
    // Of the ways to start a process, this one alone takes two variables of one name.
    const program = `const envPairs = [...Object.entries(process.env).map((pair) => pair.join('=')), 'HTTP_X=one', 'HTTP_X=two'];
const child = new (require('child_process').ChildProcess)();
child.spawn({ file: process.argv[1], args: [process.argv[1]], envPairs, stdio: 'inherit' });`;
    const { out } = await run({ FCGI_ROLE: 'RESPONDER' }, '', [process.execPath, '-e', program, script]);
    expect(out.toString()).toBe(RESPONSE);
    expect(
      stream(requests[0], 4)
        .toString('latin1')
        .split('HTTP_X')
        .slice(1)
        .map((text) => text.slice(0, 3)),
    ).toEqual(['one', 'two']);
  });

  // Node gives its children sockets. A shell gives them pipes.
  test.each([
    ['sockets', [script]],
    ['pipes', ['/bin/sh', '-c', 'cat | "$0" | cat', script]],
  ])('passes 8 MiB up and 8 MiB down at once over %s, to a client that sends all before it reads', async (_what, command) => {
    const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefghijk');
    const requests = await playWorker(({ type, content }, { socket }) => {
      if (type === 5 && content.length > 0) socket.write(record(6, content));
      if (type === 5 && content.length === 0) socket.end(Buffer.concat([record(6), END]));
    });
    const child = start(post(body.length), command);
    child.stdout?.pause();
    child.stdin?.end(body, () => child.stdout?.resume());
    const { status, out } = await child.result;
    expect([status, out.length, out.equals(body), stream(requests[0], 5).equals(body)]).toEqual([0, body.length, true, true]);
  });

  test.each([1, 7])('gets a response that comes in pieces of %d bytes, with padding and with text for the log', async (size) => {
    const padded = Buffer.concat([Buffer.from([1, 6, 0, 1, 0, 5, 3, 0]), Buffer.from('helloxxx')]);
    const bytes = Buffer.concat([
      record(7, 'log '),
      record(6, RESPONSE),
      padded,
      record(7, 'line\n'),
      record(6, '\xff'),
      record(6),
      record(7),
      END,
    ]);
    await playWorker(async ({ type, content }, { socket }) => {
      if (type !== 5 || content.length > 0) return;
      for (let at = 0; at < bytes.length; at += size) {
        socket.write(bytes.subarray(at, at + size));
        await sleep(2);
      }
      socket.end();
    });
    expect(await run()).toEqual({ status: 0, signal: null, out: Buffer.from(`${RESPONSE}hello\xff`), errors: 'log line\n' });
  });

  test('ends with the exit status that the worker tells', async () => {
    await playWorker(answerWith(Buffer.concat([record(6, RESPONSE), record(6), record(3, Buffer.from([0, 0, 0, 7, 0, 0, 0, 0]))])));
    expect((await run()).status).toBe(7);
  });

  test('whose body ends too early is passed on as far as it came', async () => {
    const requests = await playWorker(answerWith(Buffer.concat([record(6, RESPONSE), record(6), END])));
    expect((await run(post(100), 'short')).out.toString()).toBe(RESPONSE);
    expect(stream(requests[0], 5).toString()).toBe('short');
  });

  test('has no more of a body than its length', async () => {
    const requests = await playWorker(answerWith(Buffer.concat([record(6, RESPONSE), record(6), END])));
    await run(post(5), 'longer than that');
    expect(stream(requests[0], 5).toString()).toBe('longe');
  });

  test('that is refused before its body has come takes in the rest of it', async () => {
    await playWorker(({ type, content }, { socket }) => {
      if (type === 4 && content.length === 0) socket.end(Buffer.concat([record(6, RESPONSE), record(6), END]));
    });
    const body = Buffer.alloc(3_000_000, 'x');
    const child = start(post(body.length));
    let isTaken = false;
    child.stdin?.end(body, (error?: Error | null) => {
      isTaken = !error;
    });
    const { status, out, errors } = await child.result;
    expect([status, out.toString(), errors, isTaken]).toEqual([0, RESPONSE, '', true]);
  });
});

describe('an early end', () => {
  test('of the client ends the relay, and closes the connection to the worker', async () => {
    const requests = await playWorker((arrived, { socket }) => {
      if (arrived.type !== 5) return;
      const more = () => {
        while (socket.writable && socket.write(record(6, Buffer.alloc(60_000)))) {}
      };
      socket.on('drain', more);
      more();
    });
    const child = start();
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    expect(await once(child, 'exit')).toEqual([1, null]);
    await requests[0]?.ended;
  });

  test('by SIGTERM closes the connection to the worker', async () => {
    const requests = await playWorker(() => {});
    const child = start();
    for (let tries = 0; requests.length === 0 && tries < 400; tries++) await sleep(10);
    child.kill('SIGTERM');
    expect(await child.result).toMatchObject({ status: null, signal: 'SIGTERM' });
    await requests[0]?.ended;
  });

  const dies = ({ type, content }: FastCgiRecord, { socket }: Got) => {
    if (type === 5 && content.length === 0) socket.destroy();
  };

  test.each(['GET', 'HEAD'])('of the worker before its response to %s: Node answers', async (method) => {
    const requests = await playWorker(dies);
    const { status, out, errors } = await run({ REQUEST_METHOD: method, HTTP_X: 'yes' });
    expect([status, out.subarray(0, 14).toString(), errors, requests.length]).toEqual([0, 'Status: 200 OK', '', 1]);
    expect(out.toString().endsWith(method === 'GET' ? `by Node: yes${folder}` : '\r\n\r\n')).toBe(true);
  });

  test.each([
    ['a POST', post(5), 'hello'],
    ['a POST without a body', { REQUEST_METHOD: 'POST' }, ''],
    ['a GET whose body was read', { CONTENT_LENGTH: '5' }, 'hello'],
  ])('of the worker before its response to %s is a 500, and the log says so', async (_what, env, body) => {
    const requests = await playWorker(dies);
    expect(await run(env as Record<string, string>, body)).toEqual({
      status: 1,
      signal: null,
      out: Buffer.from(SERVER_ERROR),
      errors: 'warm: the worker has ended before its response\n',
    });
    expect(requests.length).toBe(1);
  });

  test.each(['00', '0', ''])('of the input is not waited for where CONTENT_LENGTH is %j', async (length) => {
    const requests = await playWorker(
      answerWith(Buffer.concat([record(6, `${RESPONSE}whole`), record(6, ''), record(3, Buffer.alloc(8))])),
    );
    const child = start({ REQUEST_METHOD: 'POST', CONTENT_LENGTH: length }); // its input stays open
    const { status, out, errors } = await child.result;
    expect([status, out.toString(), errors, requests.length]).toEqual([0, `${RESPONSE}whole`, '', 1]);
  });

  test('of the worker in the middle of its response leaves it short, and the log says so', async () => {
    await playWorker(answerWith(record(6, `${RESPONSE}the first half`)));
    expect(await run()).toEqual({
      status: 1,
      signal: null,
      out: Buffer.from(`${RESPONSE}the first half`),
      errors: 'warm: the worker has ended in the middle of its response\n',
    });
  });

  test('of a worker that refuses requests: Node answers a GET, and a POST is a 500', async () => {
    await playWorker(answerWith(record(3, Buffer.from([0, 0, 0, 0, 2, 0, 0, 0]))));
    expect((await run()).out.toString()).toContain('by Node: ');
    const { out, errors } = await run(post(1), 'x');
    expect([out.toString(), errors]).toEqual([SERVER_ERROR, 'warm: the worker takes no more requests before its response\n']);
  });
});

describe('Node answers', () => {
  test('with the whole body, the arguments and the folder of the request, where nobody listens', async () => {
    await playWorker(() => {});
    for (const server of servers) server.close();
    const { status, out, errors } = await run(post(5), 'hello', [script, 'a b', '-e', '--x']);
    expect([status, out.toString().replace(/^.*\r\n\r\n/s, ''), errors]).toEqual([0, `by Node: helloa b,-e,--x${folder}`, '']);
  });

  test.each<[string, () => void]>([
    ['a socket of another user', () => chownSync(socketPath(), WWW_DATA, WWW_DATA)],
    ['a folder of another user', () => chownSync(privateFolder, WWW_DATA, WWW_DATA)],
    ['a folder that others can enter', () => chmodSync(privateFolder, 0o755)],
    [
      'a link to a folder',
      () => {
        renameSync(privateFolder, `${privateFolder}-real`);
        symlinkSync(`${privateFolder}-real`, privateFolder);
      },
    ],
    ['no link of a worker that lives', () => rmSync(`${socketPath()}.pid`)],
  ])('where it finds %s, and nobody connects', async (_what, spoil) => {
    const requests = await playWorker(() => {});
    spoil();
    expect((await run()).out.toString()).toContain('by Node: ');
    expect(requests).toEqual([]);
    rmSync(`${privateFolder}-real`, { recursive: true, force: true });
  });

  test('a chunked body of unknown length, since it knows which servers decode it', async () => {
    const requests = await playWorker(() => {});
    const env = { REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked', SERVER_SOFTWARE: 'Apache/2.4' };
    expect((await run(env, 'hello')).out.toString()).toContain('by Node: hello');
    expect(requests).toEqual([]);
  });

  test('where the web server gives no PATH, if Node is where most systems have it', async () => {
    const { PATH: _, ...others } = ENV;
    const child = spawnSync(script, { env: { ...others, PATH: undefined }, encoding: 'utf8', input: '' });
    const isThere = ['/usr/local/bin/node', '/usr/bin/node', '/bin/node'].some((path) => existsSync(path));
    expect(child.stdout.slice(0, 11)).toBe(isThere ? 'Status: 200' : 'Status: 500');
  });

  test('not where there is no Node: that is a 500, and the log says why', async () => {
    expect(await run({ PATH: '/nowhere' })).toEqual({
      status: 1,
      signal: null,
      out: Buffer.from(SERVER_ERROR),
      errors: 'run-with-cgi: there is no "node" in PATH (/nowhere); install Node, or name its path by --interpreter [node-missing]\n',
    });
    const { out } = await run({ PATH: '/nowhere', REQUEST_METHOD: 'HEAD' });
    expect(out.toString()).toBe(SERVER_ERROR.slice(0, -26));
  });
});

describe('nothing that the environment tells Perl', () => {
  const module = join(folder, 'Evil.pm');
  const cases = {
    PERL5OPT: `-I${folder} -MEvil`,
    PERL5LIB: folder,
    PERLLIB: folder,
    PERL5DB: 'BEGIN { print "evil" }',
    PERL_UNICODE: 'SDA',
    PERLIO: ':crlf',
    PERL_SIGNALS: 'unsafe',
    PERL_HASH_SEED: '0',
    PERL_PERTURB_KEYS: '0',
    PERL_RAND_SEED: '1',
    PERL_USE_UNSAFE_INC: '1',
    PERL_DESTRUCT_LEVEL: '2',
    PERL_DL_NONLAZY: '1',
    PERL_ENCODING: 'utf8',
    PERL_MEM_LOG: '1ms',
    PERLIO_DEBUG: '/dev/fd/1',
    LC_ALL: 'C.UTF-8',
    LANG: 'de_DE.ISO-8859-1',
    IFS: '/',
    ENV: '/nowhere',
    BASH_ENV: '/nowhere',
    CDPATH: '/',
  };
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7) % 256));

  test.each(Object.entries(cases))('%s changes what the worker gets and the client sees', async (name, value) => {
    writeFileSync(module, 'print "evil"; 1;\n');
    const requests = await playWorker(
      answerWith(Buffer.concat([record(6, RESPONSE), record(6, bytes.subarray(0, 60_000)), record(6), END])),
    );
    const { status, out } = await run({ ...post(bytes.length), [name]: value }, bytes);
    expect([status, out.equals(Buffer.concat([Buffer.from(RESPONSE), bytes.subarray(0, 60_000)]))]).toEqual([0, true]);
    expect(stream(requests[0], 5).equals(bytes)).toBe(true);
    expect(variables(requests[0])[name]).toBe(value);
  });

  test.each(Object.entries(cases))('%s changes how Node is started', async (name, value) => {
    writeFileSync(module, 'print "evil"; 1;\n');
    const { status, out } = await run({ ...post(5), [name]: value }, 'hello');
    expect([status, out.toString().slice(0, 14), out.toString().endsWith(`by Node: hello${folder}`)]).toEqual([0, 'Status: 200 OK', true]);
  });

  test('the environment of suexec is enough', async () => {
    const requests = await playWorker(answerWith(Buffer.concat([record(6, RESPONSE), record(6), END])));
    expect((await run({ PATH: '/usr/local/bin:/usr/bin:/bin' })).out.toString()).toBe(RESPONSE);
    expect(requests.length).toBe(1);
  });
});
