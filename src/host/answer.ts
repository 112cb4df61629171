// The answer to one request: a response body whose first block waits for a program's head. A body can be
// closed at any time, so that a client which leaves ends the program even before that has said anything.

import type { Variables } from '../environ/variables.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { contentLength } from '../gateway/content-length.ts';
import type { Closable, Environ, Header, StartResponse } from '../types.ts';
import { type RequestBody, requestBody } from './body.ts';
import { unchunk } from './chunks.ts';
import { diagnose } from './diagnose.ts';
import { BadOutput, HeadReader, type ScriptHead } from './head.ts';
import { Program, TooSlow } from './program.ts';
import { redirected } from './redirect.ts';
import { programVariables } from './variables.ts';

/** lighttpd's figure, too. */
const REDIRECTS = 5;
/** What a machine says that has no room for another process. */
const EXHAUSTED = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM']);

/** The program for a request, by its absolute path, and the request as it is to see it; or the status that answers it. */
export type Destination = { path: string; environ: Environ } | string;

/** Which programs answer, and how they are run. All strings are byte strings. */
export interface Hosting {
  find(environ: Environ): Destination | Promise<Destination>;
  /** Whether redirects to a path below SCRIPT_NAME are found here. */
  followsRedirects: boolean;
  interpreter: readonly string[];
  passAuthorization: boolean;
  timeout: number;
  /** Beside those of the request. */
  variables: Readonly<Variables>;
}

export class Answer implements AsyncIterable<Buffer>, Closable {
  #hosting: Hosting;
  #environ: Environ;
  #startResponse: StartResponse;
  #body: RequestBody | undefined;
  #program: Program | undefined;
  #path = '';
  /** How many bytes of the program's body the client may still want. */
  #left = Infinity;
  #isClosed = false;

  constructor(hosting: Hosting, environ: Environ, startResponse: StartResponse) {
    this.#hosting = hosting;
    this.#environ = environ;
    this.#startResponse = startResponse;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    try {
      yield* this.#blocks();
    } catch (error) {
      throw error instanceof BadOutput
        ? this.#failure(error.message, 502)
        : error instanceof TooSlow
          ? this.#failure(error.message, 504)
          : error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end(this.#left <= 0);
  }

  async *#blocks(): AsyncGenerator<Buffer, void> {
    let environ = this.#environ;
    for (let redirects = 0; ; redirects++) {
      const destination = await this.#hosting.find(environ);
      if (typeof destination === 'string') {
        this.#startResponse(destination, [['Content-Type', 'text/plain']]);
        return yield Buffer.from(`${destination}\n`);
      }
      const { program, head } = await this.#run(destination);
      const { localRedirect } = head;
      const next = localRedirect !== undefined && this.#hosting.followsRedirects ? redirected(environ, localRedirect) : undefined;
      if (next === undefined) return yield* this.#pass(program, head);
      if (redirects === REDIRECTS) throw new BadOutput(`it redirected to ${localRedirect} after ${REDIRECTS} redirects; they lead nowhere`);
      await this.#end(true);
      environ = next;
    }
  }

  /** Starts a program and waits for its head. */
  async #run({ path, environ }: { path: string; environ: Environ }): Promise<{ program: Program; head: ScriptHead }> {
    const { interpreter, passAuthorization, timeout, variables } = this.#hosting;
    const body = await requestBody(environ);
    this.#body = body;
    this.#path = path;
    if (this.#isClosed) {
      body.close();
      throw new RequestError('client-gone', 'The client left before its request was complete', 500);
    }
    const words = [...interpreter, path];
    const command = {
      words,
      folder: path.slice(0, path.lastIndexOf('/')) || '/', // RFC 3875 #52
      variables: { ...programVariables(environ, path, body.length, passAuthorization), ...variables },
    };
    const program = await Program.start(command, body.blocks, environ['wsgi.errors'], timeout).catch((error: unknown) => {
      throw this.#notStarted(error);
    });
    this.#program = program;
    if (this.#isClosed) await this.#end(false);
    return { program, head: await this.#head(program) };
  }

  async #head(program: Program): Promise<ScriptHead> {
    const reader = new HeadReader();
    for (let block = await program.read(); block !== undefined; block = await program.read()) {
      const head = reader.read(block);
      if (head) return head;
    }
    await program.settled();
    const end = `it ended ${program.end ?? 'its output'} ${reader.hasBegun ? 'before its head did' : 'without any output'}`;
    throw new BadOutput(reader.hasBegun ? end : this.#withReason(end));
  }

  async *#pass(program: Program, { status, headers, body, isChunked }: ScriptHead): AsyncGenerator<Buffer, void> {
    const write = this.#startResponse(status, headers);
    this.#left = sendableLength(this.#environ.REQUEST_METHOD, status, headers);
    if (this.#left === 0) return; // RFC 3875 #46: what comes is read all the same, when the answer is closed
    // What is there comes together with the head. Nothing may come for minutes, as of an event stream.
    if (body.length === 0 && !program.hasMore) await write.flushHeaders?.();
    const blocks = following(body, program);
    for await (const block of isChunked ? unchunk(blocks) : blocks) {
      this.#left -= block.length;
      yield block;
    }
    this.#left = 0;
  }

  async #end(isAnswered: boolean): Promise<void> {
    await this.#program?.close(isAnswered);
    this.#body?.close();
  }

  #notStarted(error: unknown): ApplicationError {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (EXHAUSTED.has(code)) return this.#failure(`it did not start, because this machine has no room for another process (${code})`, 503);
    return this.#failure(this.#withReason(`it did not start (${code})`), 502);
  }

  #withReason(what: string): string {
    const [interpreter] = this.#hosting.interpreter;
    const reason = diagnose(interpreter ?? this.#path);
    if (reason === undefined) return what;
    return interpreter === undefined ? `${what}: ${reason}` : `${what}; of its interpreter, ${interpreter}: ${reason}`;
  }

  #failure(what: string, status: 502 | 503 | 504): ApplicationError {
    return new ApplicationError('script-failed', `The CGI program ${Buffer.from(this.#path, 'latin1')} failed: ${what}`, status);
  }
}

/** How many bytes of body the client gets at most. */
function sendableLength(method: string, status: string, headers: readonly Header[]): number {
  if (method === 'HEAD' || /^(?:204|205|304)/.test(status)) return 0;
  return contentLength(headers);
}

async function* following(begun: Buffer, program: Program): AsyncGenerator<Buffer, void> {
  if (begun.length > 0) yield begun;
  for (let block = await program.read(); block !== undefined; block = await program.read()) yield block;
}
