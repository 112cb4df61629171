// Writes a response of the command `request` to standard output or to files, and messages about it to standard error.

import { openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { styleText } from 'node:util';
import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { clientGone, isAborted } from '../gateway/interruptions.ts';
import type { Sink } from '../gateway/sink.ts';
import type { Block, Header } from '../types.ts';
import { inSeconds, type WriteOutVariables } from './write-out.ts';

/** The options of the command that are about the response. */
export interface ResponseOptions {
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

/** A line of a head: the first line, or a header. */
type Line = string | Header;

/** The places that all responses of one command are written to: standard output, standard error and files. */
export class Outputs {
  /** The command's exit status. */
  status = 0;
  /** The message of the first failure; empty when `status` is 0. */
  reason = '';
  readonly #stdout: number;
  readonly #isQuiet: boolean;
  readonly #files = new Map<string, number>();

  /** `stdout` is the descriptor to write for standard output. */
  constructor(stdout: number, { silent, 'show-error': showError }: ResponseOptions) {
    this.#stdout = stdout;
    this.#isQuiet = silent === true && !showError;
  }

  /** Whether `name` is standard output ("-"), and that is a terminal. */
  isTerminal(name: string): boolean {
    return name === '-' && isatty(this.#stdout);
  }

  /** Writes to the file `name`, which the first call opens; "-" is standard output. Throws a `RequestError` (`client-gone`) when that fails: this command is the client. */
  write(name: string, bytes: Uint8Array): void {
    try {
      const file = name === '-' ? this.#stdout : (this.#files.get(name) ?? openSync(name, 'w'));
      this.#files.set(name, file);
      writeDescriptor(file, bytes);
    } catch (error) {
      // A reader that closes its pipe, as head(1) does, is no failure to report.
      const { message, cause }: { message?: string; cause?: unknown } = error instanceof Error ? error : {};
      const reason = cause instanceof Error ? cause.message : message;
      this.fail(23, isAborted(error) ? undefined : `the response could not be written: ${reason}`);
      throw clientGone();
    }
  }

  /** Writes a byte string as `write` does, but does not throw. */
  print(name: string, text: string): void {
    try {
      this.write(name, Buffer.from(text, 'latin1'));
    } catch (error) {
      if (!isAborted(error)) throw error;
    }
  }

  /** Sets the exit status, and prints `text`. Only the first call has an effect. */
  fail(status: number, text?: string): void {
    if (this.status !== 0) return;
    this.status = status;
    this.reason = text ?? '';
    if (text !== undefined) this.warn(text);
  }

  /** Prints a message on standard error, unless the command is silent. */
  warn(text: string): void {
    if (!this.#isQuiet) writeDescriptor(2, Buffer.from(`run-with-cgi: ${text}\n`));
  }
}

/** The sink for one response. */
export class ResponseOutput implements Sink {
  status = '';
  headers: readonly Header[] = [];
  #headSize = 0;
  #bodySize = 0;
  /** When the head came, by performance.now(). */
  #headTime = 0;
  readonly #outputs: Outputs;
  readonly #options: ResponseOptions;
  readonly #isFollowed: (output: ResponseOutput) => boolean;
  readonly #name: string;
  #hidesBody = false;
  /** The blocks so far of a body that has to be decompressed. */
  #compressed: Buffer[] | undefined;

  /** `isFollowed` is called when the head is here. It tells whether the response is a redirect that is followed: then its body is not shown. */
  constructor(outputs: Outputs, options: ResponseOptions, isFollowed: (output: ResponseOutput) => boolean) {
    this.#outputs = outputs;
    this.#options = options;
    this.#isFollowed = isFollowed;
    this.#name = options.output ?? '-';
  }

  header(name: string): string | undefined {
    return this.headers.find(([one]) => one.toLowerCase() === name)?.[1];
  }

  /** Returns the variables of `--write-out`. `began` is the time of the request, by performance.now(). */
  variables(began: number): WriteOutVariables {
    const code = this.status.slice(0, 3) || '000';
    return {
      http_code: code,
      response_code: code,
      http_version: '1.1',
      content_type: this.header('content-type'),
      num_headers: this.headers.length,
      size_download: this.#bodySize,
      size_header: this.#headSize,
      time_starttransfer: inSeconds(this.#headTime - began),
    };
  }

  /** Shows the head of the request, where --verbose asks for it. */
  showRequest(lines: Line[]): void {
    if (this.#options.verbose) this.#showLines('>', lines);
  }

  start(status: string, headers: readonly Header[], block?: Block): void {
    const { include, head, verbose, fail, 'fail-with-body': failWithBody, compressed, 'dump-header': headFile } = this.#options;
    this.#headTime = performance.now();
    this.status = status;
    this.headers = headers;
    const lines = [`HTTP/1.1 ${status}`, ...headers];
    this.#headSize = headText(lines, false).length;
    if (verbose) this.#showLines('<', lines);
    const isFailure = Number(status.slice(0, 3)) >= 400 && (fail || failWithBody);
    if (isFailure) this.#outputs.fail(22, `the response's status is ${status}`);
    this.#hidesBody = this.#isFollowed(this) || (isFailure && !failWithBody) || false;
    if (compressed && /^(?:x-)?(?:gzip|deflate)$|^br$/i.test(this.header('content-encoding') ?? '')) this.#compressed = [];
    if (headFile !== undefined) this.#outputs.write(headFile, headText(lines, this.#outputs.isTerminal(headFile)));
    if ((include || head) && !(isFailure && fail)) {
      this.#outputs.write(this.#name, headText(lines, this.#outputs.isTerminal(this.#name)));
    }
    if (block !== undefined) this.write(block);
  }

  write(block: Block): void {
    const bytes = Buffer.from(block);
    this.#bodySize += bytes.length;
    if (this.#compressed) this.#compressed.push(bytes);
    else this.#show(bytes);
  }

  end(complete: boolean): void {
    if (!complete) this.#outputs.fail(18, 'the response ended before it was complete');
    if (this.#compressed) this.#show(this.#decompress(Buffer.concat(this.#compressed)));
    // An empty body makes an empty file.
    else if (!this.#hidesBody && this.#name !== '-') this.#outputs.write(this.#name, Buffer.alloc(0));
  }

  #show(bytes: Uint8Array): void {
    if (this.#hidesBody) return;
    if (this.#options.output === undefined && this.#outputs.isTerminal('-') && bytes.includes(0)) {
      this.#outputs.fail(
        23,
        'the body is binary, and a terminal cannot show it; write it to a file (-o FILE), or to the terminal all the same (-o -)',
      );
      this.#hidesBody = true;
      return;
    }
    this.#outputs.write(this.#name, bytes);
  }

  #decompress(bytes: Buffer): Uint8Array {
    if (bytes.length === 0) return bytes;
    try {
      return this.header('content-encoding')?.toLowerCase() === 'br' ? brotliDecompressSync(bytes) : unzipSync(bytes);
    } catch (error) {
      this.#outputs.fail(61, `the body could not be decompressed: ${error instanceof Error ? error.message : error}`);
      return bytes;
    }
  }

  #showLines(mark: string, lines: Line[]): void {
    const text = lines.map((line) => `${mark} ${paint(line, isatty(2))}\n`).join('');
    writeDescriptor(2, Buffer.from(`${text}${mark}\n`, 'latin1'));
  }
}

function headText(lines: readonly Line[], isTerminal: boolean): Buffer {
  return Buffer.from(`${lines.map((line) => `${paint(line, isTerminal)}\r\n`).join('')}\r\n`, 'latin1');
}

/** Returns a line of a head, with colours for a terminal. https://no-color.org */
function paint(line: Line, isTerminal: boolean): string {
  const style = (format: 'bold' | 'cyan', text: string) => {
    return isTerminal && !process.env.NO_COLOR ? styleText(format, text, { validateStream: false }) : text;
  };
  return typeof line === 'string' ? style('bold', line) : `${style('cyan', line[0])}: ${line[1]}`;
}
