// The server's side of CGI: one CGI program, ours or anyone's, as an application. A process a request.

import { type ChildProcessByStdio, type SpawnOptionsWithStdioTuple, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApplicationFunction, Environ } from '../types.ts';
import { failure, parseHead } from './head.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Between SIGTERM and SIGKILL, in milliseconds; Apache's figure. */
const GRACE = 3_000;

export interface CgiScriptOptions {
  /** Milliseconds that the program may take to its response head, or between two blocks. Default: no limit. */
  timeout?: number;
  /** Variables for the program beside those of the request. Default: this process's PATH. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Returns an application that runs the executable file `path` for each request. The program's standard
 * error goes to `wsgi.errors`. A program that does not start or gives no head is answered with 502; one
 * that is still running when the request is over gets SIGTERM, and SIGKILL three seconds later.
 */
export function cgiScript(path: string, options: CgiScriptOptions = {}): ApplicationFunction {
  return async (environ, startResponse) => {
    const child = start(path, scriptVariables(environ, options.env));
    child.on('error', () => {}); // seen by readHead()
    try {
      child.stderr.on('data', (text: Buffer) => environ['wsgi.errors'].write(text.toString()));
      // A program need not read its body; what is left of it then is nobody's.
      pipeline(Readable.from(environ['wsgi.input']), child.stdin).catch(() => {});
      const blocks = withTimeout(child, options.timeout);
      const { status, headers, body } = await readHead(child, blocks);
      startResponse(status, headers);
      return { [Symbol.asyncIterator]: () => rest(body, blocks), close: () => end(child) };
    } catch (error) {
      end(child);
      throw error;
    }
  };
}

function start(path: string, variables: Record<string, string>): Child {
  const { env, assignments } = exactly(variables);
  const options: SpawnOptionsWithStdioTuple<'pipe', 'pipe', 'pipe'> = { cwd: dirname(path), env, stdio: ['pipe', 'pipe', 'pipe'] };
  if (assignments === '') return spawn(path, [], options);
  return spawn('/bin/sh', ['-c', `${assignments}exec "$0"`, path], options);
}

/** The variables of the request, and no others: RFC 3875 #40 to #44. */
function scriptVariables(environ: Environ, extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const variables: Record<string, string> = { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin' };
  for (const [name, value] of Object.entries(environ)) {
    // httpoxy: a header must never become the proxy of a program's own requests.
    if (typeof value === 'string' && /^[A-Z][A-Z0-9_]*$/.test(name) && name !== 'HTTP_PROXY') variables[name] = value;
  }
  return { ...variables, GATEWAY_INTERFACE: 'CGI/1.1', ...extra };
}

/** Node encodes what it puts into an environment as UTF-8. Bytes that are not UTF-8 get there by a shell. */
function exactly(variables: Readonly<Record<string, string>>): { env: Record<string, string>; assignments: string } {
  const env: Record<string, string> = {};
  let assignments = '';
  for (const [name, value] of Object.entries(variables)) {
    const bytes = Buffer.from(value.replaceAll('\0', ''), 'latin1');
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) {
      env[name] = text;
    } else {
      const octal = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
      // The dot keeps the newlines at the end, which the shell would take off.
      assignments += `${name}=$(printf '${octal}.'); export ${name}="\${${name}%.}"; `;
    }
  }
  return { env, assignments };
}

async function readHead(child: Child, blocks: AsyncIterator<Buffer>) {
  const started = once(child, 'spawn');
  await started.catch((error: unknown) => {
    throw failure(`it did not start (${error instanceof Error ? error.message : error})`);
  });
  let output: Buffer = Buffer.alloc(0);
  for (let step = await blocks.next(); !step.done; step = await blocks.next()) {
    output = Buffer.concat([output, step.value]);
    const head = parseHead(output);
    if (head) return head;
  }
  throw failure(output.length === 0 ? 'it ended without any output' : 'it ended before its head did');
}

async function* withTimeout(child: Child, timeout: number | undefined): AsyncGenerator<Buffer> {
  const timer = timeout === undefined ? undefined : setTimeout(() => child.stdout.destroy(failure('it took too long')), timeout);
  try {
    for await (const block of child.stdout) {
      timer?.refresh();
      yield block;
    }
  } finally {
    clearTimeout(timer);
  }
}

async function* rest(body: Buffer, blocks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (body.length > 0) yield body;
  for (let step = await blocks.next(); !step.done; step = await blocks.next()) yield step.value;
}

/** Ends a program that the request no longer needs: at once, or, if its output is complete, when it does not end by itself. */
function end(child: Child): void {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const wait = child.stdout.readableEnded ? GRACE : 0;
  child.stdout.destroy();
  child.stdin.destroy();
  const term = setTimeout(() => child.kill('SIGTERM'), wait);
  const kill = setTimeout(() => child.kill('SIGKILL'), wait + GRACE);
  child.once('exit', () => {
    clearTimeout(term);
    clearTimeout(kill);
  });
}
