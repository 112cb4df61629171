// The options of a resident gateway: what its caller may say, and the complete settings that its requests read.

import type { Extras } from '../environ/environ.ts';
import { toFunction } from '../gateway/application.ts';
import { errorStream, type Log } from '../gateway/error-stream.ts';
import type { Application, ApplicationFunction, ErrorStream } from '../types.ts';
import type { ListenOptions } from './listen.ts';

export interface ResidentOptions extends ListenOptions {
  /**
   * The URL path that the application is mounted at, "" for the root. SCRIPT_NAME and PATH_INFO are then split behind it.
   * Needed where the web server puts the whole path into one of them, as nginx does by default.
   */
  scriptName?: string;
  /** A request body of more bytes is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /** A request whose variables take more bytes is answered with 431. Default: 256 KiB. */
  maxParamsSize?: number;
  /** While this many connections are open, further ones are closed at once. Default: 1024. */
  maxConnections?: number;
  /**
   * Milliseconds after `close()` for which open connections are still served. A load balancer that keeps connections
   * uses this time to notice that new ones are refused. Default: 0.
   */
  grace?: number;
  /**
   * Milliseconds after which the gateway closes the connection of a web server that has stopped in the middle of sending a
   * request or of taking a response. Connections between two requests may rest. 0 is no limit. Default: 120,000.
   */
  stallTimeout?: number;
  /**
   * Milliseconds that an application may wait for things. Afterwards the client gets a 504, or a response that ends short.
   * 0 gives it no time to wait. Default: no limit.
   */
  timeout?: number;
  /** The value of `wsgi.multiprocess`: whether other processes serve the same application. Default: true. */
  multiprocess?: boolean;
  /** Variables that the deployer adds to environ. They win over the web server's. */
  env?: Extras;
  /** The log for the causes of failures, and for `wsgi.errors` where the web server does not get it. Default: standard error. */
  errors?: Log;
  /** Whether FastCGI sends `wsgi.errors` to the web server, for its log. Caddy 2.6 drops it. Default: true. */
  sendErrors?: boolean;
}

/** The options with every default filled in. */
export interface ResidentSettings {
  /** The name of the gateway in the log: "fastcgi" or "scgi". */
  readonly name: string;
  readonly application: ApplicationFunction;
  readonly scriptName: string | undefined;
  readonly maxBodySize: number;
  readonly maxParamsSize: number;
  readonly maxConnections: number;
  readonly grace: number;
  readonly stallTimeout: number;
  readonly timeout: number;
  readonly multiprocess: boolean;
  readonly env: Extras;
  readonly errors: ErrorStream;
  readonly sendsErrors: boolean;
  /** The exchanges that are not over. An application may work on after its response. */
  readonly exchanges: Set<Promise<void>>;
}

/** Fills the defaults of `options` in. Throws an `ApplicationError` when `application` is none. */
export function settingsOf(name: string, application: Application, options: ResidentOptions): ResidentSettings {
  const { maxBodySize = Infinity, maxParamsSize = 256 * 1024, maxConnections = 1024, grace = 0 } = options;
  const { timeout = Infinity, stallTimeout = 120_000, multiprocess = true, env = {}, sendErrors = true } = options;
  return {
    name,
    application: toFunction(application),
    scriptName: options.scriptName?.replace(/\/+$/, ''),
    maxBodySize,
    maxParamsSize,
    maxConnections,
    grace,
    stallTimeout: stallTimeout > 0 ? stallTimeout : Infinity,
    timeout,
    multiprocess,
    env,
    errors: errorStream(options.errors ?? process.stderr),
    sendsErrors: sendErrors,
    exchanges: new Set(),
  };
}
