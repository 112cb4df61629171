// The body of a Request or Response, kept in the form in which it was given. A stream of it is made, and a class of Node loaded,
// only when a program asks for it. https://fetch.spec.whatwg.org/#bodies

import type { Headers } from './headers.ts';
import { kindOf } from './idl.ts';
import { mimeTypeOf } from './mime-type.ts';
import { nativeResponse } from './native.ts';

export type BodySource = string | Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export class Body {
  source: BodySource;
  #stream: ReadableStream<Uint8Array> | undefined;
  #isUsed = false;

  constructor(source: BodySource) {
    this.source = source;
    if (isStream(source)) this.#stream = source;
  }

  /** The body as a stream, which it stays from then on. */
  get stream(): ReadableStream<Uint8Array> {
    this.#stream ??= toStream(this.source, this.#isUsed);
    return this.#stream;
  }

  /** Whether the body has been read from. */
  get used(): boolean {
    return this.#isUsed || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  /** Whether the body has been read from, or its stream is locked. */
  get unusable(): boolean {
    return this.used || (this.#stream?.locked ?? false);
  }

  /** Returns what the body is made of. The body counts as used then. Throws a `TypeError` if it is unusable. */
  take(): BodySource {
    if (this.unusable) throw new TypeError('Body is unusable: Body has already been read');
    this.#isUsed = this.#stream === undefined;
    return this.#stream ?? this.source;
  }

  /** Returns the body for another message. This one counts as used then. https://fetch.spec.whatwg.org/#concept-body-proxy */
  proxy(): Body {
    const source = this.take();
    return new Body(isStream(source) ? source.pipeThrough(new TransformStream()) : source);
  }

  /** Returns a copy. A body that is a stream is split in two for that. */
  clone(): Body {
    if (this.unusable) throw new TypeError('Response.clone: Body has already been consumed.');
    if (
      this.#stream === undefined &&
      (typeof this.source === 'string' || this.source instanceof Uint8Array || kindOf(this.source) === 'Blob')
    ) {
      return new Body(this.source);
    }
    const [one, other] = this.stream.tee();
    this.#stream = one;
    this.source = one;
    return new Body(withClonedChunks(other));
  }
}

/** Returns a stream of clones of the chunks of `stream`: https://streams.spec.whatwg.org/#readablestream-tee */
function withClonedChunks(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(structuredClone(value));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/**
 * Returns a body for `init`, which a program has given, and the Content-Type that goes with it. Throws a `TypeError` for a
 * stream if `keepalive` is true. https://fetch.spec.whatwg.org/#concept-bodyinit-extract
 */
export function extract(init: unknown, keepalive = false): { body: Body; type: string | null; isStream: boolean } {
  if (typeof init === 'string') return plain(wellFormed(init), 'text/plain;charset=UTF-8');
  if (init instanceof ArrayBuffer || init instanceof SharedArrayBuffer) return plain(new Uint8Array(init.slice(0)), null);
  if (ArrayBuffer.isView(init)) return plain(new Uint8Array(init.buffer.slice(init.byteOffset, init.byteOffset + init.byteLength)), null);
  switch (kindOf(init)) {
    case 'URLSearchParams':
      return plain(String(init), 'application/x-www-form-urlencoded;charset=UTF-8');
    case 'Blob':
    case 'File':
      return plain(init as Blob, (init as Blob).type || null);
    case 'FormData': {
      const encoded = new (nativeResponse())(init as FormData);
      return plain(encoded.body as ReadableStream<Uint8Array>, encoded.headers.get('content-type'));
    }
    case 'ReadableStream': {
      const stream = init as ReadableStream<Uint8Array>;
      if (keepalive) throw new TypeError('keepalive');
      if (stream.locked || isDisturbed(stream)) {
        throw new TypeError('Response body object should not be disturbed or locked');
      }
      return { body: new Body(stream), type: null, isStream: true };
    }
  }
  if (typeof init === 'object' && init !== null && Symbol.asyncIterator in init) {
    if (keepalive) throw new TypeError('keepalive');
    return { body: new Body(bytesFrom(init as AsyncIterable<Uint8Array>)), type: null, isStream: true };
  }
  return plain(wellFormed(`${init as string}`), 'text/plain;charset=UTF-8');
}

/** Yields bytes. As in Node, an iterable that is no stream may give text as well. */
async function* bytesFrom(blocks: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array, void> {
  for await (const block of blocks) {
    const bytes = block instanceof Uint8Array ? block : Buffer.from(block);
    if (bytes.length > 0) yield bytes;
  }
}

function plain(source: BodySource, type: string | null) {
  return { body: new Body(source), type, isStream: false };
}

/** Resolves to all bytes of `body`, which counts as used then. */
export async function bytesOf(body: Body | null): Promise<Buffer> {
  if (body === null) return Buffer.alloc(0);
  const source = body.take();
  if (typeof source === 'string') return Buffer.from(source);
  if (source instanceof Uint8Array) return Buffer.from(source);
  if ('arrayBuffer' in source) return Buffer.from(await source.arrayBuffer());
  const pieces: Uint8Array[] = [];
  for await (const piece of isStream(source) ? piecesOf(source) : source) {
    if (!(piece instanceof Uint8Array)) throw new TypeError('Received non-Uint8Array chunk');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export async function textOf(body: Body | null): Promise<string> {
  if (body !== null && typeof body.source === 'string' && !body.unusable) {
    const text = body.take();
    if (typeof text === 'string') return withoutByteOrderMark(text);
  }
  return withoutByteOrderMark((await bytesOf(body)).toString());
}

export async function blobOf(body: Body | null, headers: Headers): Promise<Blob> {
  return new Blob([await bytesOf(body)], { type: mimeTypeOf(headers.get('content-type')) });
}

export async function formDataOf(body: Body | null, headers: Headers): Promise<FormData> {
  const type = headers.get('content-type');
  return new (nativeResponse())(await bytesOf(body), type === null ? {} : { headers: { 'content-type': type } }).formData();
}

/** https://fetch.spec.whatwg.org/#dom-body-textstream */
export function textStreamOf(body: Body | null): ReadableStream<string> {
  if (body === null) return new ReadableStream<string>({ start: (controller) => controller.close() });
  if (body.unusable) throw new TypeError('Body is unusable: Body has already been read');
  return body.stream.pipeThrough(new TextDecoderStream());
}

/** Whether the Request and Response of this Node have textStream(): https://github.com/nodejs/node/pull/64036 */
export const HAS_TEXT_STREAM = (([major = 0, minor = 0]) => major > 26 || (major === 26 && minor >= 5))(
  process.versions.node.split('.').map(Number),
);

function withoutByteOrderMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

export function isStream(source: BodySource): source is ReadableStream<Uint8Array> {
  return typeof source === 'object' && 'getReader' in source;
}

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const reader = stream.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
}

function toStream(source: BodySource, isUsed: boolean): ReadableStream<Uint8Array> {
  if (isUsed) {
    // The body was read in another form. A program that looks at it sees a stream that has been read.
    const read = byteStream(async (controller) => close(controller));
    void read.getReader().read();
    return read;
  }
  if (isStream(source)) return source;
  if (typeof source === 'object' && 'stream' in source) return source.stream() as ReadableStream<Uint8Array>;
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source instanceof Uint8Array ? source : undefined;
  if (bytes) {
    return byteStream(async (controller) => {
      if (bytes.length > 0) controller.enqueue(new Uint8Array(bytes));
      close(controller);
    });
  }
  const iterator = (source as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const pull = async (controller: ReadableByteStreamController) => {
    const step = await iterator.next();
    if (step.done) close(controller);
    else controller.enqueue(withOwnMemory(step.value));
  };
  return byteStream(pull, async () => void (await iterator.return?.()));
}

/** Returns a copy of `bytes` with a memory of its own, which a Buffer shares with others. */
export function toUint8Array(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** Returns bytes with a memory of their own: to enqueue bytes takes their memory away from every other view of it. */
function withOwnMemory({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  const isWhole = byteLength === buffer.byteLength;
  return isWhole ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

function close(controller: ReadableByteStreamController): void {
  controller.close();
  controller.byobRequest?.respond(0);
}

/** Returns a byte stream, which the types of Node cannot express. */
function byteStream(
  pull: (controller: ReadableByteStreamController) => Promise<void>,
  cancel?: () => Promise<void>,
): ReadableStream<Uint8Array> {
  const source: object = { type: 'bytes', pull, ...(cancel && { cancel }) };
  return new ReadableStream<Uint8Array>(source);
}

function isDisturbed(stream: ReadableStream): boolean {
  const { isDisturbed: ask } = process.getBuiltinModule('node:stream') as unknown as { isDisturbed(stream: ReadableStream): boolean };
  return ask(stream);
}

/** Returns `text` with U+FFFD for lone surrogates, as Web IDL converts to USVString. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
