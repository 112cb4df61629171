// run-with-cgi request: one request from the shell, as curl would send it, and no server.

import { fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { readDescriptor, writeDescriptor } from '../cgi/descriptor.ts';
import { errorStream } from '../cgi/log.ts';
import { printTo } from '../cgi/stdout.ts';
import { checkBodySize } from '../environ/body-length.ts';
import { toFunction } from '../gateway/application.ts';
import { describe } from '../gateway/describe.ts';
import { Exchange } from '../gateway/exchange.ts';
import type { Source } from '../gateway/input.ts';
import type { Sink } from '../gateway/sink.ts';
import { Spool, spoolSource } from '../gateway/spool.ts';
import { type RequestBody, requestEnviron } from '../testing/request.ts';
import type { ApplicationFunction, Block, Header } from '../types.ts';
import { read } from './commands.ts';
import { Problem } from './problem.ts';
import { applicationOf } from './target.ts';

export const usage = `Usage: run-with-cgi request <app> [path] [options]

Sends one request to an application and writes the body of its response to
standard output. The path may be a whole URL; "/" by default.

  -X, --request <method>  the method; GET, or POST with -d
  -H, --header <line>     a header, "Name: value"; can be repeated
  -d, --data <body>       the request body as it is; @file for a file's bytes,
                          @- for what comes on standard input
  -i, --include           the response's head too
  -I, --head              a HEAD request; shows the response's head
  -v, --verbose           what was sent and received, on standard error
      --interface <kind>  wsgi, fetch or node, where the application does not
                          show it
  -f, --fail              exit status 22 and no body when the status is 400 or
                          more

The exit status is 18 when the response ended before it was complete, and 23
when its body is binary and standard output is a terminal.
`;

const options = {
  request: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  data: { type: 'string', short: 'd' },
  include: { type: 'boolean', short: 'i' },
  head: { type: 'boolean', short: 'I' },
  verbose: { type: 'boolean', short: 'v' },
  fail: { type: 'boolean', short: 'f' },
  interface: { type: 'string' },
} as const;

export async function run(words: string[]): Promise<number> {
  const { values, positionals } = read(words, options);
  const [target, path = '/', ...more] = positionals;
  if (more.length > 0) throw new Problem('option-wrong', `There is one path, and ${more.join(' ')} is too much; put quotes around it`);
  if (!/^(?:\/|https?:\/\/)/.test(path)) throw new Problem('path-wrong', `A path begins with "/", got ${path}; make it "/${path}"`);
  // What the application prints is not its response; some libraries keep the stream that they find while they are loaded.
  const log = errorStream(2, undefined);
  printTo(log);
  const { application, options: given } = await applicationOf(target, values.interface);

  const body = values.data === undefined ? undefined : openBody(values.data);
  const headers = (values.header ?? []).map(parseHeader);
  if (body && !has(headers, 'content-type')) headers.push(['Content-Type', 'application/x-www-form-urlencoded']);
  const method = values.request ?? (values.head ? 'HEAD' : body ? 'POST' : 'GET');

  const environ = requestEnviron({ method, path: encode(path), headers, environ: given.env ?? {} }, body, log);
  const terminal = new Terminal(values);
  terminal.sent([`${method} ${environ.REQUEST_URI} ${environ.SERVER_PROTOCOL}`, ['Host', String(environ.HTTP_HOST)], ...headers]);
  const limited: ApplicationFunction = (...args) => {
    checkBodySize(body?.length ?? 0, given.maxBodySize ?? Infinity);
    return toFunction(application)(...args);
  };
  await new Exchange(limited, environ, terminal, (error) => log.write(describe('request', error))).start();
  // Whatever timers and connections are open, as after a CGI request.
  process.exit(terminal.status);
}

function openBody(data: string): RequestBody {
  if (!data.startsWith('@')) {
    const spool = new Spool();
    spool.add(Buffer.from(data));
    return { source: spool, length: spool.length };
  }
  const name = data.slice(1);
  try {
    const descriptor = name === '-' ? 0 : openSync(name, 'r');
    const source: Source = { read: (buffer) => readDescriptor(descriptor, buffer) };
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (stat.isFile()) return { source, length: stat.size };
    const spool = spoolSource(source, Infinity);
    return { source: spool, length: spool.length };
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new Problem('body-not-readable', `The request body could not be read from ${name}: ${reason}`);
  }
}

function parseHeader(line: string): Header {
  const [, name, value] = /^([^\s:]+):\s*(.*?)\s*$/s.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Problem('header-malformed', `A header is written "Name: value", got "${line}"`);
  return [name, Buffer.from(value).toString('latin1')];
}

function has(headers: Header[], name: string): boolean {
  return headers.some(([one]) => one.toLowerCase() === name);
}

/** What a browser does to what is typed into its address bar. */
function encode(path: string): string {
  return Buffer.from(path)
    .toString('latin1')
    .replace(/[^!-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

interface Shown {
  include?: boolean;
  head?: boolean;
  verbose?: boolean;
  fail?: boolean;
}

/** A line of a head, or a header. */
type Line = string | Header;

/** Where the response goes: standard output, and what is said about it to standard error. */
class Terminal implements Sink {
  /** The command's exit status. */
  status = 0;
  #shown: Shown;

  constructor(shown: Shown) {
    this.#shown = shown;
  }

  sent(lines: Line[]): void {
    if (this.#shown.verbose) this.#tell('>', lines);
  }

  start(status: string, headers: readonly Header[], block?: Block): void {
    const { include, head, verbose, fail } = this.#shown;
    const lines = [`HTTP/1.1 ${status}`, ...headers];
    if (verbose) this.#tell('<', lines);
    if (fail && Number(status.slice(0, 3)) >= 400) {
      this.status = 22;
      this.#say(`the response's status is ${status}`);
    } else if (include || head) {
      writeDescriptor(1, Buffer.from(`${lines.map((line) => `${paint(line, 1)}\r\n`).join('')}\r\n`, 'latin1'));
    }
    if (block !== undefined) this.write(block);
  }

  write(block: Block): void {
    const bytes = Buffer.from(block);
    if (this.status === 0 && isatty(1) && bytes.includes(0)) {
      this.status = 23;
      this.#say('the body is binary, which a terminal does not take; send it to a file');
    }
    if (this.status === 0) writeDescriptor(1, bytes);
  }

  end(complete: boolean): void {
    if (complete || this.status !== 0) return;
    this.status = 18;
    this.#say('the response ended before it was complete');
  }

  #tell(mark: string, lines: Line[]): void {
    const text = lines.map((line) => `${mark} ${paint(line, 2)}\n`).join('');
    writeDescriptor(2, Buffer.from(`${text}${mark}\n`, 'latin1'));
  }

  #say(text: string): void {
    writeDescriptor(2, Buffer.from(`run-with-cgi: ${text}\n`));
  }
}

/** A line of a head, with colours where `descriptor` is a terminal. https://no-color.org */
function paint(line: Line, descriptor: number): string {
  const style = (format: 'bold' | 'cyan', text: string) => {
    return isatty(descriptor) && !process.env.NO_COLOR ? styleText(format, text, { validateStream: false }) : text;
  };
  return typeof line === 'string' ? style('bold', line) : `${style('cyan', line[0])}: ${line[1]}`;
}
