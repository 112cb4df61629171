// PEP 3333 as TypeScript types: what an application is, what it gets and what it returns. Read this file first.
//
// The contract is that of Python's WSGI. These are all the differences; the other files do not repeat them:
//
// - Functions and parameters are in camelCase (`startResponse`, `excInfo`). The keys of environ keep their names (`wsgi.input`).
// - An application may be asynchronous. It may return a promise, its body may be an async iterable, and its `close()` may
//   return a promise. `write()` returns a promise if the gateway has to wait for its peer, and nothing otherwise.
// - A block of the body is bytes or a string, which is sent as UTF-8. PEP 3333 allows bytes only.
// - One string or one Uint8Array is a body of one block. null and undefined are an empty body.
// - `excInfo` is the thrown value. JavaScript has one value where Python has three.
// - `write.flushHeaders()` sends the head alone. In PEP 3333 the head waits for the first block, which may take minutes in an
//   event stream.
// - The `return()` of a generator runs before the `close()` of the body. PEP 3333 has only `close()`.

// What the application returns

/** A piece of the response body: bytes, or text that is sent as UTF-8. */
export type Block = Uint8Array | string;

/** A response body. The gateway calls `close()` exactly once, if the body has it. */
export type Body = Block | ((Iterable<Block> | AsyncIterable<Block>) & Closable) | null | undefined;

/** What an application returns: a response body or a promise of one. */
export type Result = Body | PromiseLike<Body>;

/** Something to close when the request is over, however it has ended. */
export interface Closable {
  /** Frees what the body holds. The gateway awaits a promise that it returns. */
  close?(): unknown;
}

// What an application is

/** An application as a function, the usual form. */
export type ApplicationFunction = (environ: Environ, startResponse: StartResponse) => Result;

/** An application as a class: `new Application(environ, startResponse)` is the response body. */
export type ApplicationClass = new (environ: Environ, startResponse: StartResponse) => (Iterable<Block> | AsyncIterable<Block>) & Closable;

/** An application as an object with a method `call`. In Python it would be an instance with `__call__`. */
export interface ApplicationObject {
  call(environ: Environ, startResponse: StartResponse): Result;
}

/** A PEP 3333 application in any of its three forms. */
export type Application = ApplicationFunction | ApplicationClass | ApplicationObject;

// How the application begins its response

/** A response header. Name and value are byte strings: each character is one byte (ISO-8859-1). */
export type Header = [name: string, value: string];

/**
 * Sets the status, such as "200 OK", and the headers, a real array of pairs. The gateway sends them with the first block that
 * is not empty. A second call must give `excInfo`, the thrown value that made it necessary. It replaces what the first call
 * set; if that has been sent already, it throws `excInfo`. Throws an `ApplicationError` for a status or a header that no
 * response may carry.
 */
export type StartResponse = (status: string, headers: Header[], excInfo?: unknown) => Write;

/** Sends a block at once. It is for applications that cannot return their body. */
export interface Write {
  (block: Block): void | Promise<void>;
  /**
   * Sends the head now, without a block: for a body whose first block may take long. After that no call of `startResponse` can
   * replace the head. Does nothing if the head has been sent. A middleware with a `write` of its own may leave this out.
   */
  flushHeaders?(): void | Promise<void>;
}

// What the application gets

/**
 * The request: the CGI variables of RFC 3875, the headers as HTTP_*, the other variables of the server's environment, and the
 * `wsgi.*` values. All variables are byte strings. It is a plain object without a prototype, and the application may change it.
 */
export interface Environ {
  /** The method, in the client's spelling: "GET". */
  REQUEST_METHOD: string;
  /** The URL path up to the application, %-decoded. "" at the root; never ends in "/". */
  SCRIPT_NAME: string;
  /** The rest of the URL path, %-decoded. "" or begins with "/". */
  PATH_INFO: string;
  /** What follows "?" in the URL, not decoded; "" if nothing does. */
  QUERY_STRING: string;
  CONTENT_TYPE?: string;
  /** The length of the request body in bytes, as digits; absent if the server does not know it. */
  CONTENT_LENGTH?: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  /** The protocol of the request: "HTTP/1.1". */
  SERVER_PROTOCOL: string;
  'wsgi.version': readonly [1, 0];
  /** "http" or "https". */
  'wsgi.url_scheme': string;
  'wsgi.input': InputStream;
  'wsgi.errors': ErrorStream;
  /** Whether other requests may run in this process at the same time. */
  'wsgi.multithread': boolean;
  /** Whether other processes may serve the same application. */
  'wsgi.multiprocess': boolean;
  /** Whether this process calls the application only once. */
  'wsgi.run_once': boolean;
  /** Always true: `wsgi.input` ends by itself, whether or not CONTENT_LENGTH is set. */
  'wsgi.input_terminated': boolean;
  'wsgi.file_wrapper': FileWrapperFunction;
  /** The names of the variables with bytes that Node lost; absent if there are none. */
  'cgi.lossy'?: readonly string[];
  [variable: `HTTP_${string}`]: string | undefined;
  [key: string]: unknown;
}

/**
 * The request body. It ends where CONTENT_LENGTH says. If it breaks off before that, every read throws a `RequestError`.
 * PEP 3333 "Input and Error Streams"
 */
export interface InputStream extends Iterable<Buffer>, AsyncIterable<Buffer> {
  /** Returns exactly `size` bytes, or what is left if that is less. Without `size` returns everything that is left. */
  read(size?: number): Buffer;
  /** Returns one line with its "\n", or its first `size` bytes. Returns an empty Buffer at the end. */
  readline(size?: number): Buffer;
  /** Returns the remaining lines, or the first ones that together reach `hint` bytes. */
  readlines(hint?: number): Buffer[];
  /** Iterates over lines. */
  [Symbol.iterator](): Iterator<Buffer>;
  /** Iterates over chunks as they arrive, without blocking the event loop. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer>;
}

/** The server's log. It takes any text and never throws. */
export interface ErrorStream {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void;
}

/**
 * Wraps a file: `return environ['wsgi.file_wrapper'](file)`. The gateway sends the file in the fastest way it has. `blockSize`
 * is in bytes. PEP 3333 "Optional Platform-Specific File Handling"
 */
export type FileWrapperFunction = (file: FileLike, blockSize?: number) => Iterable<Block> & Closable;

/** A file for a file wrapper: an open descriptor, an object that has one, or an object with `read`. */
export type FileLike = number | DescriptorHolder | ReadableFile;

/** An object with an open descriptor: a `FileHandle` of node:fs/promises, an opened `fs.ReadStream`. */
export interface DescriptorHolder {
  readonly fd: number;
  close?(): unknown;
}

/** A file as PEP 3333 defines it. */
export interface ReadableFile {
  /** Returns up to `size` bytes, and nothing at the end. */
  read(size: number): Block | null | undefined;
  close?(): unknown;
}
