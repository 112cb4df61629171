// compress(): compresses response bodies with brotli or gzip, block by block.

import type { BrotliCompress, Gzip } from 'node:zlib';
import { toFunction } from '../gateway/application.ts';
import { checkHeaders, checkStatus } from '../gateway/checks.ts';
import { ResponseHeaders } from '../headers.ts';
import type { Application, ApplicationFunction, Block, Body, Header, StartResponse, Write } from '../types.ts';
import { type Blocks, isBlocks, withClose } from './body.ts';

export interface CompressOptions {
  /** Bodies that are known to be shorter than this many bytes are not compressed. Default: 1024. */
  threshold?: number;
}

type Coding = 'br' | 'gzip';

/**
 * Returns `application` with its response bodies compressed, for clients that accept brotli or gzip. Each block is compressed
 * and passed on at once. Not compressed are bodies that are no text by their Content-Type, that are encoded already, that are
 * small, and responses with a Content-Range, with "no-transform", or with a digest of their bytes. Every response that would
 * be compressed for another client gets Vary. A compressed one loses Content-Length and Accept-Ranges, and its strong ETag
 * becomes a weak one (RFC 9110 §8.8.3).
 */
export function compress(application: Application, options: CompressOptions = {}): ApplicationFunction {
  const { threshold = 1024 } = options;
  const callable = toFunction(application);
  return (environ, startResponse) => {
    const { HTTP_ACCEPT_ENCODING: accepted } = environ;
    const isHead = environ.REQUEST_METHOD === 'HEAD';
    if (!accepted || isHead) return callable(environ, addingVary(startResponse));
    return chooseCoding(accepted).then(async (coding) => {
      if (coding === undefined) return callable(environ, addingVary(startResponse));
      const response = new CompressedResponse(coding, startResponse, threshold);
      try {
        return await response.body(await callable(environ, response.startResponse));
      } catch (error) {
        response.release();
        throw error;
      }
    });
  };
}

/** A Negotiator with the option that its types lack: which coding wins if the client likes both alike. */
interface PreferringNegotiator {
  encoding(available: string[], options: { preferred: string[] }): string | undefined;
}

async function chooseCoding(accepted: string): Promise<Coding | undefined> {
  const { default: Negotiator } = await import('negotiator');
  const negotiator: PreferringNegotiator = new Negotiator({ headers: { 'accept-encoding': accepted } });
  const coding = negotiator.encoding(['br', 'gzip', 'identity'], { preferred: ['br', 'gzip'] });
  return coding === 'br' || coding === 'gzip' ? coding : undefined;
}

/** Returns `startResponse` with Vary added to every response that would be compressed for another client. */
function addingVary(startResponse: StartResponse): StartResponse {
  return (status, headers, ...excInfo) =>
    startResponse(status, areValid(status, headers) && mayCompress(status, headers) ? withVary(headers) : headers, ...excInfo);
}

/** Whether the server takes such a status and such headers. */
function areValid(status: unknown, headers: unknown): boolean {
  try {
    checkStatus(status);
    checkHeaders(headers);
    return true;
  } catch {
    return false;
  }
}

function withVary(headers: Header[]): Header[] {
  const varied = new ResponseHeaders([...headers]);
  const names = varied.getAll('Vary').join(', ');
  if (!/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(names))
    varied.set('Vary', names === '' ? 'Accept-Encoding' : `${names}, Accept-Encoding`);
  return varied.items();
}

const BODILESS = ['204', '205', '206', '304'];
const COMPRESSIBLE = /^(?:text\/|image\/svg|application\/(?:(?:x-)?javascript|json|xml|wasm)\b|[^;]*\+(?:json|text|xml)\b)/i;
/** Headers that describe the bytes of the body as they are. */
const BYTE_HEADERS = ['Content-Encoding', 'Content-Range', 'Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'];

function mayCompress(status: string, list: Header[]): boolean {
  const headers = new ResponseHeaders([...list]);
  return (
    !BODILESS.includes(status.slice(0, 3)) &&
    COMPRESSIBLE.test(headers.get('Content-Type', '')) &&
    !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(headers.getAll('Cache-Control').join(',')) &&
    !BYTE_HEADERS.some((name) => headers.has(name))
  );
}

/** One response. Its head goes to the server together with the first block, when the length of the body may be known. */
class CompressedResponse {
  #coding: Coding;
  #startServerResponse: StartResponse;
  #threshold: number;
  /** Whether the application has called startResponse(), even with arguments that the server refuses. */
  #startCalled = false;
  /** The arguments of that call. */
  #head: Parameters<StartResponse> | undefined;
  /** Whether the server has got the head. */
  #started = false;
  #write: Write | undefined;
  #encoder: Encoder | undefined;
  /** Resolves when all calls of write() have done their work. */
  #writing: Promise<void> | undefined;

  constructor(coding: Coding, startResponse: StartResponse, threshold: number) {
    this.#coding = coding;
    this.#startServerResponse = startResponse;
    this.#threshold = threshold;
  }

  readonly startResponse: StartResponse = (...head) => {
    const [status, headers, excInfo] = head;
    const replaces = excInfo !== undefined && excInfo !== null;
    const isSecond = this.#startCalled && !replaces;
    this.#startCalled = true;
    if (this.#started || isSecond) return this.#startServerResponse(...head);
    // The server refuses what is wrong at once, and says why.
    this.#head = areValid(status, headers) ? head : undefined;
    if (!this.#head) return this.#startServerResponse(...head);
    const write: Write = (block) => this.#inTurn(() => this.#writeOne(block));
    write.flushHeaders = () => this.#inTurn(() => this.#flushHeaders());
    return write;
  };

  /** Runs `step` after the calls of write() before it. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    const writing = Promise.resolve(this.#writing).then(step);
    // An application that does not await write() gets the error from its body.
    writing.catch(() => {});
    this.#writing = writing;
    return writing;
  }

  async #flushHeaders(): Promise<void> {
    if (!this.#started) this.#start();
    await this.#write?.flushHeaders?.();
  }

  async #writeOne(block: Block): Promise<void> {
    const encoded = await this.#encode(block);
    if (this.#started) await this.#write?.(encoded);
  }

  /** Returns the body for the server, in place of `body`. */
  async body(body: Body): Promise<Body> {
    await this.#writing;
    const whole = this.#started ? undefined : wholeOf(body);
    if (whole === undefined) return withClose(body, this.#blocks(isBlocks(body) ? body : [body ?? '']), this.release);
    this.#start(whole.length);
    return this.#encoder ? Buffer.concat([await this.#encoder.encode(whole), await this.#encoder.end()]) : body;
  }

  /** Frees the memory of the encoder, which JavaScript does not collect. The request may end before the last block. */
  readonly release = (): void => this.#encoder?.release();

  async *#blocks(body: Blocks): AsyncGenerator<Block> {
    for await (const block of body) {
      await this.#writing;
      yield this.#encode(block);
    }
    if (!this.#started) this.#start(0);
    if (this.#encoder) yield this.#encoder.end();
  }

  #encode(block: Block): Block | Promise<Block> {
    if (!this.#started) this.#start();
    return this.#encoder && block.length > 0 ? this.#encoder.encode(block) : block;
  }

  #start(knownLength?: number): void {
    // The application has not called startResponse(), or the server has refused the call. The server reports that.
    if (this.#head === undefined) return;
    this.#started = true;
    const [status, list, ...excInfo] = this.#head;
    if (!mayCompress(status, list)) {
      this.#write = this.#startServerResponse(status, list, ...excInfo);
      return;
    }
    const headers = new ResponseHeaders(withVary(list));
    const length = headers.get('Content-Length') ?? knownLength;
    if (length === undefined || Number(length) >= this.#threshold) {
      headers.set('Content-Encoding', this.#coding);
      headers.delete('Content-Length');
      headers.delete('Accept-Ranges');
      const tag = headers.get('ETag');
      if (tag?.startsWith('"')) headers.set('ETag', `W/${tag}`);
      this.#encoder = new Encoder(this.#coding);
    }
    this.#write = this.#startServerResponse(status, headers.items(), ...excInfo);
  }
}

/** Returns the bytes of a body of one block; undefined for any other. */
function wholeOf(body: Body): Uint8Array | undefined {
  if (Array.isArray(body) && body.length === 1) return wholeOf(body[0]);
  return isBlocks(body) ? undefined : Buffer.from(body ?? '');
}

/** A compressor that returns all compressed bytes for each block. */
class Encoder {
  #stream: Gzip | BrotliCompress;
  #flush: number;
  #output: Buffer[] = [];

  constructor(coding: Coding) {
    const { constants, createBrotliCompress, createGzip } = process.getBuiltinModule('node:zlib');
    // 4 is what servers use for responses that are compressed each time. The default, 11, takes a hundred times as long.
    const params = { [constants.BROTLI_PARAM_QUALITY]: 4 };
    this.#stream = coding === 'br' ? createBrotliCompress({ params }) : createGzip();
    this.#flush = coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
    this.#stream.on('data', (bytes: Buffer) => this.#output.push(bytes));
  }

  async encode(block: Block): Promise<Buffer> {
    this.#stream.write(block);
    await new Promise<void>((resolve) => this.#stream.flush(this.#flush, resolve));
    return this.#take();
  }

  async end(): Promise<Buffer> {
    await new Promise((resolve) => this.#stream.on('end', resolve).end());
    return this.#take();
  }

  release(): void {
    this.#stream.destroy();
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#output);
    this.#output = [];
    return bytes;
  }
}
