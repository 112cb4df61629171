// Post-processing of content: gzip and brotli, block by block.

import type { BrotliCompress, Gzip } from 'node:zlib';
import { toFunction } from '../gateway/application.ts';
import { ResponseHeaders } from '../headers.ts';
import type { Application, ApplicationFunction, Block, Body, Header, StartResponse, Write } from '../types.ts';
import { type Blocks, closing, isBlocks } from './passing.ts';

export interface CompressOptions {
  /** Bodies that are known to be shorter, in bytes, stay as they are. Default: 1024. */
  threshold?: number;
}

type Coding = 'br' | 'gzip';

/**
 * Returns `application` with its bodies compressed for clients that accept gzip or brotli. Each block is sent
 * on at once, so that nothing is held back. Left alone is what is not text by its Content-Type, what is
 * encoded already, ranges, what says "no-transform" or carries a digest of its bytes, small bodies, and
 * responses without one. Vary is added to all that would be compressed for another client; where it is,
 * Content-Length and Accept-Ranges go and a strong ETag becomes a weak one (RFC 9110 §8.8.3).
 */
export function compress(application: Application, options: CompressOptions = {}): ApplicationFunction {
  const { threshold = 1024 } = options;
  const callable = toFunction(application);
  return (environ, startResponse) => {
    const { HTTP_ACCEPT_ENCODING: accepted } = environ;
    const isHead = environ.REQUEST_METHOD === 'HEAD';
    if (!accepted || isHead) return callable(environ, varying(startResponse));
    return accepting(accepted).then(async (coding) => {
      if (coding === undefined) return callable(environ, varying(startResponse));
      const response = new Compressing(coding, startResponse, threshold);
      try {
        return await response.body(await callable(environ, response.startResponse));
      } catch (error) {
        response.release();
        throw error;
      }
    });
  };
}

/** What negotiator's types leave out: who wins where the client likes both alike. */
interface Negotiating {
  encoding(available: string[], options: { preferred: string[] }): string | undefined;
}

async function accepting(accepted: string): Promise<Coding | undefined> {
  const { default: Negotiator } = await import('negotiator');
  const negotiating: Negotiating = new Negotiator({ headers: { 'accept-encoding': accepted } });
  const coding = negotiating.encoding(['br', 'gzip', 'identity'], { preferred: ['br', 'gzip'] });
  return coding === 'br' || coding === 'gzip' ? coding : undefined;
}

function varying(startResponse: StartResponse): StartResponse {
  return (status, headers, ...excInfo) => startResponse(status, mayCompress(status, headers) ? withVary(headers) : headers, ...excInfo);
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
/** Each speaks of the bytes as they are. */
const OF_THE_BYTES = ['Content-Encoding', 'Content-Range', 'Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'];

function mayCompress(status: string, list: Header[]): boolean {
  const headers = new ResponseHeaders([...list]);
  return (
    !BODILESS.includes(status.slice(0, 3)) &&
    COMPRESSIBLE.test(headers.get('Content-Type', '')) &&
    !/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(headers.getAll('Cache-Control').join(',')) &&
    !OF_THE_BYTES.some((name) => headers.has(name))
  );
}

/** One response. The server is told its head with the first block: only then its length may be known. */
class Compressing {
  #coding: Coding;
  #server: StartResponse;
  #threshold: number;
  #head: Parameters<StartResponse> | undefined;
  #begun = false;
  #write: Write | undefined;
  #encoder: Encoder | undefined;
  /** What write() has under way. */
  #writing: Promise<void> | undefined;

  constructor(coding: Coding, startResponse: StartResponse, threshold: number) {
    this.#coding = coding;
    this.#server = startResponse;
    this.#threshold = threshold;
  }

  readonly startResponse: StartResponse = (...head) => {
    if (this.#begun || (this.#head && head[2] === undefined)) return this.#server(...head);
    this.#head = head;
    const write: Write = (block) => this.#inTurn(() => this.#writeOne(block));
    write.flushHeaders = () => this.#inTurn(() => this.#flushHeaders());
    return write;
  };

  #inTurn(step: () => Promise<void>): Promise<void> {
    const writing = Promise.resolve(this.#writing).then(step);
    // Who does not await it here hears of it from the body.
    writing.catch(() => {});
    this.#writing = writing;
    return writing;
  }

  async #flushHeaders(): Promise<void> {
    if (!this.#begun) this.#begin();
    await this.#write?.flushHeaders?.();
  }

  async #writeOne(block: Block): Promise<void> {
    const encoded = await this.#encode(block);
    if (this.#begun) await this.#write?.(encoded);
  }

  /** Returns what the server gets in the place of `body`. */
  async body(body: Body): Promise<Body> {
    await this.#writing;
    const whole = this.#begun ? undefined : wholeOf(body);
    if (whole === undefined) return closing(body, this.#blocks(isBlocks(body) ? body : [body ?? '']), this.release);
    this.#begin(whole.length);
    return this.#encoder ? Buffer.concat([await this.#encoder.encode(whole), await this.#encoder.end()]) : body;
  }

  /** The request is over, before its last block perhaps: what an encoder holds is not JavaScript's to collect. */
  readonly release = (): void => this.#encoder?.release();

  async *#blocks(body: Blocks): AsyncGenerator<Block> {
    for await (const block of body) {
      await this.#writing;
      yield this.#encode(block);
    }
    if (!this.#begun) this.#begin(0);
    if (this.#encoder) yield this.#encoder.end();
  }

  #encode(block: Block): Block | Promise<Block> {
    if (!this.#begun) this.#begin();
    return this.#encoder && block.length > 0 ? this.#encoder.encode(block) : block;
  }

  #begin(knownLength?: number): void {
    // Without a head there is nothing to begin; the server says so.
    if (this.#head === undefined) return;
    this.#begun = true;
    const [status, list, ...excInfo] = this.#head;
    if (!mayCompress(status, list)) {
      this.#write = this.#server(status, list, ...excInfo);
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
    this.#write = this.#server(status, headers.items(), ...excInfo);
  }
}

/** The bytes of a body that is there at once. */
function wholeOf(body: Body): Uint8Array | undefined {
  if (Array.isArray(body) && body.length === 1) return wholeOf(body[0]);
  return isBlocks(body) ? undefined : Buffer.from(body ?? '');
}

/** A compressor that gives for each block all that it can. */
class Encoder {
  #stream: Gzip | BrotliCompress;
  #flush: number;
  #output: Buffer[] = [];

  constructor(coding: Coding) {
    const { constants, createBrotliCompress, createGzip } = process.getBuiltinModule('node:zlib');
    // The quality that servers use for what is compressed anew each time; 11, the default, takes a hundred times as long.
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
