// Where a response of the command `request` goes: standard output or files, and what is said about it to standard error.

import { openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { clientGone, isAborted } from '../gateway/interruptions.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block, Header } from '../types.ts';
import { inSeconds, type Variables } from './write-out.ts';

/** Of the command's options those that are about the response. */
export interface Shown {
  include?: boolean;
  head?: boolean;
  verbose?: boolean;
  fail?: boolean;
  'fail-with-body'?: boolean;
  silent?: boolean;
  'show-error'?: boolean;
  compressed?: boolean;
  output?: string;
  'dump-header'?: string;
}

/** A line of a head, or a header. */
type Line = string | Header;

/** Standard output, standard error and files, for all responses of one command. */
export class Outputs {
  /** The command's exit status. */
  status = 0;
  /** Why that is not 0. */
  reason = '';
  readonly #stdout: number;
  readonly #isQuiet: boolean;
  readonly #files = new Map<string, number>();

  /** `stdout` is the descriptor that stands for standard output. */
  constructor(stdout: number, { silent, 'show-error': showError }: Shown) {
    this.#stdout = stdout;
    this.#isQuiet = silent === true && !showError;
  }

  /** Whether what is written to `name` is shown to a person. */
  isTerminal(name: string): boolean {
    return name === '-' && isatty(this.#stdout);
  }

  /** Writes to the file `name`, which is opened for its first bytes; "-" is standard output. Throws when the client, which this is, has left. */
  write(name: string, bytes: Uint8Array): void {
    try {
      const file = name === '-' ? this.#stdout : (this.#files.get(name) ?? openSync(name, 'w'));
      this.#files.set(name, file);
      writeDescriptor(file, bytes);
    } catch (error) {
      // Nobody has to be told that a pipe's reader had enough.
      const { message, cause }: { message?: string; cause?: unknown } = error instanceof Error ? error : {};
      const reason = cause instanceof Error ? cause.message : message;
      this.fail(23, isAborted(error) ? undefined : `the response could not be written: ${reason}`);
      throw clientGone();
    }
  }

  /** The same for what is said at the end, a byte string. */
  print(name: string, text: string): void {
    try {
      this.write(name, Buffer.from(text, 'latin1'));
    } catch (error) {
      if (!isAborted(error)) throw error;
    }
  }

  /** Only the first failure counts. */
  fail(status: number, text?: string): void {
    if (this.status !== 0) return;
    this.status = status;
    this.reason = text ?? '';
    if (text !== undefined) this.say(text);
  }

  /** Tells a person. */
  say(text: string): void {
    if (!this.#isQuiet) writeDescriptor(2, Buffer.from(`run-with-cgi: ${text}\n`));
  }
}

/** One response while it comes. */
export class ResponseOutput implements Sink {
  status = '';
  headers: readonly Header[] = [];
  #headSize = 0;
  #bodySize = 0;
  /** By performance.now(). */
  #headCame = 0;
  readonly #outputs: Outputs;
  readonly #shown: Shown;
  readonly #isPassed: (output: ResponseOutput) => boolean;
  readonly #name: string;
  #hidesBody = false;
  /** A body that has to be unpacked. */
  #packed: Buffer[] | undefined;

  /** `isPassed` tells whether a response whose head is here is only on the way to another one: its body is not shown. */
  constructor(outputs: Outputs, shown: Shown, isPassed: (output: ResponseOutput) => boolean) {
    this.#outputs = outputs;
    this.#shown = shown;
    this.#isPassed = isPassed;
    this.#name = shown.output ?? '-';
  }

  header(name: string): string | undefined {
    return this.headers.find(([one]) => one.toLowerCase() === name)?.[1];
  }

  /** What `--write-out` asks about it, of a request that `began` then. */
  variables(began: number): Variables {
    const code = this.status.slice(0, 3) || '000';
    return {
      http_code: code,
      response_code: code,
      http_version: '1.1',
      content_type: this.header('content-type'),
      num_headers: this.headers.length,
      size_download: this.#bodySize,
      size_header: this.#headSize,
      time_starttransfer: inSeconds(this.#headCame - began),
    };
  }

  sent(lines: Line[]): void {
    if (this.#shown.verbose) this.#tell('>', lines);
  }

  start(status: string, headers: readonly Header[], block?: Block): void {
    const { include, head, verbose, fail, 'fail-with-body': failWithBody, compressed, 'dump-header': headFile } = this.#shown;
    this.#headCame = performance.now();
    this.status = status;
    this.headers = headers;
    const lines = [`HTTP/1.1 ${status}`, ...headers];
    this.#headSize = headText(lines, false).length;
    if (verbose) this.#tell('<', lines);
    const isFailure = Number(status.slice(0, 3)) >= 400 && (fail || failWithBody);
    if (isFailure) this.#outputs.fail(22, `the response's status is ${status}`);
    this.#hidesBody = this.#isPassed(this) || (isFailure && !failWithBody) || false;
    if (compressed && /^(?:x-)?(?:gzip|deflate)$|^br$/i.test(this.header('content-encoding') ?? '')) this.#packed = [];
    if (headFile !== undefined) this.#outputs.write(headFile, headText(lines, this.#outputs.isTerminal(headFile)));
    if ((include || head) && !(isFailure && fail)) {
      this.#outputs.write(this.#name, headText(lines, this.#outputs.isTerminal(this.#name)));
    }
    if (block !== undefined) this.write(block);
  }

  write(block: Block): void {
    const bytes = Buffer.from(block);
    this.#bodySize += bytes.length;
    if (this.#packed) this.#packed.push(bytes);
    else this.#show(bytes);
  }

  end(complete: boolean): void {
    if (!complete) this.#outputs.fail(18, 'the response ended before it was complete');
    if (this.#packed) this.#show(this.#unpack(Buffer.concat(this.#packed)));
    // A body without bytes makes an empty file.
    else if (!this.#hidesBody && this.#name !== '-') this.#outputs.write(this.#name, Buffer.alloc(0));
  }

  #show(bytes: Uint8Array): void {
    if (this.#hidesBody) return;
    if (this.#shown.output === undefined && this.#outputs.isTerminal('-') && bytes.includes(0)) {
      this.#outputs.fail(
        23,
        'the body is binary, which a terminal does not take; send it to a file (-o FILE), or here all the same (-o -)',
      );
      this.#hidesBody = true;
      return;
    }
    this.#outputs.write(this.#name, bytes);
  }

  #unpack(bytes: Buffer): Uint8Array {
    if (bytes.length === 0) return bytes;
    try {
      return this.header('content-encoding') === 'br' ? brotliDecompressSync(bytes) : unzipSync(bytes);
    } catch (error) {
      this.#outputs.fail(61, `the body could not be unpacked: ${error instanceof Error ? error.message : error}`);
      return bytes;
    }
  }

  #tell(mark: string, lines: Line[]): void {
    const text = lines.map((line) => `${mark} ${paint(line, isatty(2))}\n`).join('');
    writeDescriptor(2, Buffer.from(`${text}${mark}\n`, 'latin1'));
  }
}

function headText(lines: readonly Line[], isTerminal: boolean): Buffer {
  return Buffer.from(`${lines.map((line) => `${paint(line, isTerminal)}\r\n`).join('')}\r\n`, 'latin1');
}

/** A line of a head, with colours where a person sees it. https://no-color.org */
function paint(line: Line, isTerminal: boolean): string {
  const style = (format: 'bold' | 'cyan', text: string) => {
    return isTerminal && !process.env.NO_COLOR ? styleText(format, text, { validateStream: false }) : text;
  };
  return typeof line === 'string' ? style('bold', line) : `${style('cyan', line[0])}: ${line[1]}`;
}
