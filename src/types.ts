// PEP 3333 as TypeScript types. Read this first: everything in the project meets here.
//
// Departures from the PEP, each said once:
//
// - Names are camelCase (`startResponse`, `excInfo`), but environ keys keep their spelling (`wsgi.input`).
// - What Python calls synchronous may be a promise: an application may return one, iterate
//   asynchronously, and return a promise from `close()`. `write()` returns a promise where a gateway
//   has to wait for its peer, and nothing where it does not.
// - A block is bytes or a string; a string is sent as UTF-8. (PEP 3333 allows bytes only.)
// - One string or one Uint8Array counts as a body of one block; null and undefined as an empty body.
// - `excInfo` is the thrown value: JavaScript has one value where Python has a triple.
// - `write.flushHeaders()` sends the head alone. PEP 3333 has the head wait for the first block, however long that takes;
//   an event stream may not have one for minutes.
// - A generator's `return()` runs before `close()`; PEP 3333 has only the latter.

/** A piece of the response body: bytes, or text that is sent as UTF-8. */
export type Block = Uint8Array | string;

/** A response header. Name and value are byte strings: each character is one byte (ISO-8859-1). */
export type Header = [name: string, value: string];

/**
 * The request body, PEP 3333 "Input and Error Streams". It ends where CONTENT_LENGTH says, and every
 * read throws a `RequestError` when the body breaks off before that.
 */
export interface InputStream extends Iterable<Buffer>, AsyncIterable<Buffer> {
  /** Returns exactly `size` bytes, or what is left if that is less; all that is left without `size`. */
  read(size?: number): Buffer;
  /** Returns one line with its "\n", or its first `size` bytes; empty at the end. */
  readline(size?: number): Buffer;
  /** Returns all remaining lines, or the first ones that together reach `hint` bytes. */
  readlines(hint?: number): Buffer[];
  /** Iterates by line. */
  [Symbol.iterator](): Iterator<Buffer>;
  /** Iterates by chunk, as they arrive, without blocking the event loop. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer>;
}

/** The server's log. Takes any text, and never throws. */
export interface ErrorStream {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void;
}

/**
 * Wraps a file for `return environ['wsgi.file_wrapper'](file)`: the gateway then sends it in the
 * fastest way it has. PEP 3333 "Optional Platform-Specific File Handling".
 */
export type FileWrapperFunction = (file: FileLike, blockSize?: number) => Iterable<Block> & Closable;

/** What a file wrapper takes: an open descriptor, something that has one, or something that reads. */
export type FileLike = number | DescriptorHolder | ReadableFile;

/** A `FileHandle` of node:fs/promises, an opened `fs.ReadStream`, ... */
export interface DescriptorHolder {
  readonly fd: number;
  close?(): unknown;
}

/** A file by PEP 3333's definition: `read(size)` gives up to `size` bytes, and none at the end. */
export interface ReadableFile {
  read(size: number): Block | null | undefined;
  close?(): unknown;
}

/** A result whose `close()` is called once when the request is over, however it ended. */
export interface Closable {
  close?(): unknown;
}

/**
 * The CGI variables of RFC 3875, the request's headers as HTTP_*, what else the server's environment
 * holds, and the `wsgi.*` values. All variables are byte strings. A plain object without a prototype,
 * for the application to change as it likes.
 */
export interface Environ {
  REQUEST_METHOD: string;
  /** The URL path up to the application; "" at the root, and never ends in "/". */
  SCRIPT_NAME: string;
  /** The rest of the URL path, %-decoded; "" or begins with "/". */
  PATH_INFO: string;
  QUERY_STRING: string;
  CONTENT_TYPE?: string;
  CONTENT_LENGTH?: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  SERVER_PROTOCOL: string;
  'wsgi.version': readonly [1, 0];
  'wsgi.url_scheme': string;
  'wsgi.input': InputStream;
  'wsgi.errors': ErrorStream;
  'wsgi.multithread': boolean;
  'wsgi.multiprocess': boolean;
  'wsgi.run_once': boolean;
  /** True: `wsgi.input` ends by itself, whether or not CONTENT_LENGTH is set. */
  'wsgi.input_terminated': boolean;
  'wsgi.file_wrapper': FileWrapperFunction;
  /** The names of variables that held bytes which Node lost; absent when none did. */
  'cgi.lossy'?: readonly string[];
  [variable: `HTTP_${string}`]: string | undefined;
  [key: string]: unknown;
}

/** Sends a block at once. An application that can return its body should rather do that. */
export interface Write {
  (block: Block): void | Promise<void>;
  /**
   * Sends the head now, without a block: for a body whose first block may take long. Then no further call of
   * `startResponse` can replace it. Does nothing when the head has left. A middleware that has a `write` of its own
   * need not have this.
   */
  flushHeaders?(): void | Promise<void>;
}

/**
 * Begins the response: `status` is "200 OK", `headers` a real array of pairs. They leave with the
 * first block that is not empty. A second call needs `excInfo`, the thrown value that made it
 * necessary: it replaces what was set, or throws `excInfo` when the headers have left already.
 */
export type StartResponse = (status: string, headers: Header[], excInfo?: unknown) => Write;

/** A response body. `close()`, where there is one, is called exactly once. */
export type Body = Block | ((Iterable<Block> | AsyncIterable<Block>) & Closable) | null | undefined;

/** What an application returns. */
export type Result = Body | PromiseLike<Body>;

export type ApplicationFunction = (environ: Environ, startResponse: StartResponse) => Result;

/** A class whose instances are the response body: `new Application(environ, startResponse)`. */
export type ApplicationClass = new (environ: Environ, startResponse: StartResponse) => (Iterable<Block> | AsyncIterable<Block>) & Closable;

/** An object in the place of Python's instance with `__call__`. */
export interface ApplicationObject {
  call(environ: Environ, startResponse: StartResponse): Result;
}

/** A PEP 3333 application in any of its three forms. */
export type Application = ApplicationFunction | ApplicationClass | ApplicationObject;
