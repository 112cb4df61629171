// What all requests of one resident gateway have in common, as its options say.

import type { Extras } from '../environ/environ.ts';
import { toFunction } from '../gateway/application.ts';
import { errorStream, type Log } from '../gateway/error-stream.ts';
import type { Application, ApplicationFunction, ErrorStream } from '../types.ts';
import type { ListenOptions } from './listen.ts';

export interface ResidentOptions extends ListenOptions {
  /**
   * The URL path that the application is mounted at, "" for the root: SCRIPT_NAME and PATH_INFO are split anew
   * behind it. Needed where the server puts the whole path into one of them, as nginx does unless told otherwise.
   */
  scriptName?: string;
  /** Bytes above which a request body is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /** Bytes above which a request's variables are answered with 431. Default: 256 KiB. */
  maxParamsSize?: number;
  /** Connections above which further ones are closed at once. Default: 1024. */
  maxConnections?: number;
  /**
   * Milliseconds after `close()` in which connections that are open go on being served, so that a load balancer that
   * keeps them can notice, by those that are refused, and stop using them. Default: 0.
   */
  grace?: number;
  /**
   * Milliseconds for which a web server may be silent in the middle of a request that it has begun, or take nothing of a
   * response; then its connection is closed. Connections between two requests may rest. 0 is no limit. Default: 120,000.
   */
  stallTimeout?: number;
  /** Milliseconds that an application may wait for things: then the client gets a 504, or a response that ends short. Default: no limit. */
  timeout?: number;
  /** What environ says of other processes that serve the same application. Default: true. */
  multiprocess?: boolean;
  /** What the deployer adds to environ; it wins over what the server says. */
  env?: Extras;
  /** Where `wsgi.errors` and the causes of failures go when they are not sent to the web server. Default: standard error. */
  errors?: Log;
  /** Whether FastCGI sends them to the web server, for its log. Caddy 2.6 drops them. Default: true. */
  sendErrors?: boolean;
}

export interface Gateway {
  /** As the log calls it. */
  readonly name: string;
  readonly application: ApplicationFunction;
  readonly scriptName: string | undefined;
  readonly maxBodySize: number;
  readonly maxParamsSize: number;
  readonly maxConnections: number;
  readonly grace: number;
  readonly stallTimeout: number;
  readonly timeout: number | undefined;
  readonly multiprocess: boolean;
  readonly env: Extras;
  readonly errors: ErrorStream;
  readonly sendsErrors: boolean;
}

/** Throws an `ApplicationError` when `application` is none. */
export function makeGateway(name: string, application: Application, options: ResidentOptions): Gateway {
  const { maxBodySize = Infinity, maxParamsSize = 256 * 1024, maxConnections = 1024, grace = 0 } = options;
  const { stallTimeout = 120_000, multiprocess = true, env = {}, sendErrors = true } = options;
  return {
    name,
    application: toFunction(application),
    scriptName: options.scriptName?.replace(/\/+$/, ''),
    maxBodySize,
    maxParamsSize,
    maxConnections,
    grace,
    stallTimeout,
    timeout: options.timeout,
    multiprocess,
    env,
    errors: errorStream(options.errors ?? process.stderr),
    sendsErrors: sendErrors,
  };
}
