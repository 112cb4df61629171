// The response of a CGI program, as a response body whose first block waits for the program's head. A gateway can close a body at
// any time, so that a client that leaves ends the program even before its first output.

import { decodeUtf8 } from '../environ/byte-string.ts';
import type { Variables } from '../environ/variables.ts';
import { codeOf } from '../error-code.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { contentLength } from '../gateway/content-length.ts';
import { isBodiless } from '../gateway/status.ts';
import type { Closable, Environ, Header, StartResponse } from '../types.ts';
import { diagnose } from './diagnose.ts';
import { HeadReader, InvalidOutput, type ScriptHead } from './head.ts';
import { Program, ProgramTimeout } from './program.ts';
import { type ProgramInput, programInput } from './program-input.ts';
import { redirect } from './redirect.ts';
import { unchunk } from './unchunk.ts';
import { programVariables } from './variables.ts';

/** How many local redirects may follow each other, as in lighttpd. */
const MAX_REDIRECTS = 5;
/** The error codes of a machine that cannot start another process. */
const EXHAUSTED = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** The absolute path of the program for a request, and the environ for it; or the status to answer with. */
export type Destination = { path: string; environ: Environ } | string;

/** Which programs answer requests, and how they are run. All strings are byte strings. */
export interface HostSettings {
  /** Returns the program for a request. */
  find(environ: Environ): Destination | Promise<Destination>;
  /** Whether a redirect to a path below SCRIPT_NAME is answered here, by the program at that path. */
  followsRedirects: boolean;
  /** A command that runs the programs; empty to run them themselves. */
  interpreter: readonly string[];
  passAuthorization: boolean;
  /** Milliseconds for which a program may be silent. */
  timeout: number;
  /** Variables for the program, beside those of the request. */
  variables: Readonly<Variables>;
}

export class ProgramResponse implements AsyncIterable<Buffer>, Closable {
  #settings: HostSettings;
  #environ: Environ;
  #startResponse: StartResponse;
  #body: ProgramInput | undefined;
  #program: Program | undefined;
  /** The path of the program that runs, for messages. */
  #path = '';
  /** How many bytes of the program's body the client still expects. */
  #left = Infinity;
  #isClosed = false;

  constructor(settings: HostSettings, environ: Environ, startResponse: StartResponse) {
    this.#settings = settings;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      yield* this.#blocks();
    } catch (error) {
      throw error instanceof InvalidOutput
        ? this.#failure(error.message, 502)
        : error instanceof ProgramTimeout
          ? this.#failure(error.message, 504)
          : error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#endProgram(this.#left <= 0);
  }

  async *#blocks(): AsyncGenerator<Buffer, void> {
    let environ = this.#environ;
    for (let redirects = 0; ; redirects++) {
      const destination = await this.#settings.find(environ);
      if (typeof destination === 'string') {
        this.#startResponse(destination, [['Content-Type', 'text/plain']]);
        return yield Buffer.from(`${destination}\n`);
      }
      const { program, head } = await this.#run(destination);
      const { localRedirect } = head;
      const next = localRedirect !== undefined && this.#settings.followsRedirects ? redirect(environ, localRedirect) : undefined;
      if (next === undefined) return yield* this.#send(program, head);
      if (redirects === MAX_REDIRECTS)
        throw new InvalidOutput(`it redirected to ${localRedirect} after ${MAX_REDIRECTS} redirects, which is the limit`);
      await this.#endProgram(true);
      environ = next;
    }
  }

  /** Starts the program at `path` and waits for its head. */
  async #run({ path, environ }: { path: string; environ: Environ }): Promise<{ program: Program; head: ScriptHead }> {
    const { interpreter, passAuthorization, timeout, variables } = this.#settings;
    const body = await programInput(environ);
    this.#body = body;
    this.#path = path;
    if (this.#isClosed) {
      body.close();
      throw new RequestError('client-gone', 'The client left before its request was complete', 500);
    }
    const command = {
      argv: [...interpreter, path],
      folder: path.slice(0, path.lastIndexOf('/')) || '/', // RFC 3875 #52
      variables: { ...programVariables(environ, path, body.length, passAuthorization), ...variables },
    };
    const program = await Program.start(command, body.blocks, environ['wsgi.errors'], timeout).catch((error: unknown) => {
      throw this.#startFailure(error);
    });
    this.#program = program;
    if (this.#isClosed) await this.#endProgram(false);
    return { program, head: await this.#readHead(program) };
  }

  /** Reads the head of the output. */
  async #readHead(program: Program): Promise<ScriptHead> {
    const reader = new HeadReader();
    for (let block = await program.read(); block !== undefined; block = await program.read()) {
      const head = reader.read(block);
      if (head) return head;
    }
    await program.exited();
    const end = `it ended ${program.end ?? 'its output'} ${reader.hasBegun ? 'before its head did' : 'without any output'}`;
    throw new InvalidOutput(reader.hasBegun ? end : this.#withReason(end));
  }

  /** Sends the response of `program`. */
  async *#send(program: Program, { status, headers, body, isChunked }: ScriptHead): AsyncGenerator<Buffer, void> {
    const write = this.#startResponse(status, headers);
    this.#left = expectedLength(this.#environ.REQUEST_METHOD, status, headers);
    if (this.#left === 0) return; // RFC 3875 #46. close() reads and drops what the program still writes
    // A block that is there already is sent together with the head. Otherwise the next one may take minutes, as in an event stream.
    if (body.length === 0 && !program.hasMore) await write.flushHeaders?.();
    const blocks = bodyBlocks(body, program);
    for await (const block of isChunked ? unchunk(blocks) : blocks) {
      this.#left -= block.length;
      yield block;
    }
    this.#left = 0;
  }

  async #endProgram(isComplete: boolean): Promise<void> {
    await this.#program?.close(isComplete);
    this.#body?.close();
  }

  #startFailure(error: unknown): ApplicationError {
    const code = codeOf(error) ?? String(error);
    if (EXHAUSTED.has(code)) return this.#failure(`it did not start, because this machine has no room for another process (${code})`, 503);
    return this.#failure(this.#withReason(`it did not start (${code})`), 502);
  }

  /** Adds the reason that is found by looking at the program, if there is one. */
  #withReason(what: string): string {
    const [interpreter] = this.#settings.interpreter;
    const reason = diagnose(interpreter ?? this.#path);
    if (reason === undefined) return what;
    return interpreter === undefined ? `${what}: ${reason}` : `${what}; of its interpreter, ${interpreter}: ${reason}`;
  }

  #failure(what: string, status: 502 | 503 | 504): ApplicationError {
    return new ApplicationError('script-failed', `The CGI program ${decodeUtf8(this.#path)} failed: ${what}`, status);
  }
}

/** Returns how many bytes of body the client expects; Infinity if the head does not say. */
function expectedLength(method: string, status: string, headers: readonly Header[]): number {
  return method === 'HEAD' || isBodiless(Number(status.slice(0, 3))) ? 0 : contentLength(headers);
}

/** Yields the body: `begun`, which came with the head, and the rest of the output. */
async function* bodyBlocks(begun: Buffer, program: Program): AsyncGenerator<Buffer, void> {
  if (begun.length > 0) yield begun;
  for (let block = await program.read(); block !== undefined; block = await program.read()) yield block;
}
