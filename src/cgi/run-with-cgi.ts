// runWithCgi(): runs an application as a CGI script. This process is the script and the web server its parent, so the request
// comes from the environment and descriptor 0, and the response goes to descriptor 1.

import { bodyLength, checkBodySize } from '../environ/body-length.ts';
import { completeVariables, type Extras } from '../environ/environ.ts';
import { processVariables, type Variables } from '../environ/variables.ts';
import { ApplicationError, RequestError } from '../errors.ts';
import { toBytes } from '../gateway/block.ts';
import { toEnviron } from '../gateway/environ.ts';
import { Exchange, type Report } from '../gateway/exchange.ts';
import { formatFailure } from '../gateway/format-failure.ts';
import { Input } from '../gateway/input.ts';
import { isPromiseLike } from '../gateway/promise-like.ts';
import { refusing } from '../gateway/refusing.ts';
import { limitTime } from '../gateway/run-exchange.ts';
import type { Application, ApplicationFunction, Block, Environ } from '../types.ts';
import { offerApplication } from './capture.ts';
import { writeDescriptor, writeText } from './descriptor.ts';
import { headFor, isNph, nphHead } from './head.ts';
import { Output } from './output.ts';
import { guardProcess } from './process-guard.ts';
import { type LogTarget, openErrors } from './stderr.ts';
import { isPipeOrSocket, type Stdin, toSource } from './stdin.ts';
import { closeLog, closeResponse, hasStartedChildren, printTo, takeStdout } from './stdout.ts';
import { workAfterResponse } from './work-after-response.ts';

/** Where the response goes: a descriptor, or an object with `write`. A promise that `write` returns is awaited. */
export type Stdout = number | { write(bytes: Uint8Array): unknown };

export interface RunWithCgiOptions {
  /** The CGI variables, as byte strings. Default: the environment of this process, byte for byte. */
  environ?: Variables;
  /** The request body: a descriptor, the bytes themselves, or an object with `read(size)`. Default: descriptor 0. */
  stdin?: Stdin;
  /** Where the response goes: a descriptor or an object with `write`. Default: descriptor 1, and the process ends after the response. */
  stdout?: Stdout;
  /** Where `wsgi.errors` goes: a descriptor or an object with `write`. Default: descriptor 2. */
  stderr?: LogTarget;
  /** Whether to send a whole HTTP response, which the server passes on unchanged. Default: whether the script's name begins with "nph-". */
  nph?: boolean;
  /**
   * Milliseconds that an application may wait for things. Afterwards the client gets a 504, or a response that ends short. 0 gives
   * it no time to wait. Default: no limit.
   */
  timeout?: number;
  /** The largest request body, in bytes. A larger one is answered with 413. Default: no limit. */
  maxBodySize?: number;
  /** Variables to add to environ. They win over those of the server. */
  env?: Extras;
}

/** Whether this process has run an application as the script that it is. */
let hasRun = false;

/**
 * Runs `application` once, as the CGI script that this process is. environ comes from the environment, and `wsgi.input` from
 * descriptor 0. `wsgi.errors` goes to descriptor 2, and the response to descriptor 1.
 *
 * The promise resolves when the response and the application's `close()` are done. It never rejects: a failure is answered and
 * logged. A synchronous application has done all that when the call returns. After that the process ends, whatever handles are
 * open. With `options.stdout`, which is for tests, the process goes on.
 *
 * Throws an `ApplicationError` in a process that has run an application before. PEP 3333 "The Server/Gateway Side"
 */
export function runWithCgi(application: Application, options: RunWithCgiOptions = {}): Promise<void> {
  if (options.stdout !== undefined) return answerRequest(options.stdout, application, options, false);
  if (offerApplication(application, options)) return Promise.resolve();
  if (hasRun) throw new ApplicationError('run-twice', 'runWithCgi() was called twice; a CGI script answers one request');
  hasRun = true;
  return answerRequest(takeStdout(), application, options, true);
}

/**
 * Answers one request. With `isScript` this process is the script: the function protects it from httpoxy, guards it against an
 * early end, and ends it after the response.
 */
function answerRequest(stdout: Stdout, application: Application, options: RunWithCgiOptions, isScript: boolean): Promise<void> {
  const { stdin = 0, stderr = 2, timeout = Infinity } = options;
  const errors = openErrors(stderr, typeof stdout === 'number' ? stdout : undefined);
  const report: Report = (error) => errors.write(formatFailure('cgi', error));
  if (isScript) printTo(errors);

  const { variables, length, refusal } = readRequest(options, isScript);
  const input = new Input(toSource(stdin), length, options.maxBodySize);
  const environ = toEnviron(variables, {
    input,
    errors,
    multithread: false,
    multiprocess: true,
    runOnce: true,
  });

  const output = new Output({
    write: typeof stdout === 'number' ? descriptorWriter(stdout) : objectWriter(stdout),
    isSynchronous: typeof stdout === 'number',
    renderHead: isNphScript(options, environ) ? nphHead(environ.SERVER_PROTOCOL) : headFor(environ.SERVER_SOFTWARE),
    input,
    serverSendsBodyFirst: length > 0 && isPipeOrSocket(stdin),
  });
  const exchange = new Exchange(refusal ?? application, environ, output, report);
  const guard = isScript ? guardProcess(exchange, input, report) : undefined;
  const work = isScript ? workAfterResponse() : undefined;
  if (guard && typeof stdout === 'number') {
    output.onStart = () => {
      if (exchange.needsClose || work) guard.watchSignals();
    };
    output.onEnd = () => {
      // With nothing left to do the process ends at once, and that closes the response, unless children have inherited it.
      if (!exchange.needsClose && !work && !(stdout === 1 && hasStartedChildren())) return;
      guard.limitGrace();
      return closeResponse(stdout);
    };
  }
  const finished = exchange.start();
  if (!exchange.isOver) {
    guard?.watchSignals();
    limitTime(exchange, timeout)?.unref();
  }
  // The additional then() puts the exit behind whatever else waits for `finished`.
  finished
    .then(() => {})
    .then(() => {
      if (work) workAtExit(work);
      guard?.exit();
    });
  return finished;
}

/** Does `work` as the last thing of this process. Its own listeners for "exit" may still write to the log. */
function workAtExit(work: () => void): void {
  process.on('exit', () => {
    closeLog();
    work();
  });
}

interface Request {
  variables: Record<string, unknown>;
  /** The length of the body in bytes; Infinity if it lasts until the input ends. */
  length: number;
  /** Runs in place of the application, if the request must be refused. */
  refusal?: ApplicationFunction;
}

function readRequest(options: RunWithCgiOptions, isScript: boolean): Request {
  const { variables: given, lossy } = options.environ ? { variables: options.environ, lossy: [] } : processVariables();
  const variables = completeVariables({ ...given }, options.env);
  if (lossy.length > 0) variables['cgi.lossy'] = lossy;
  let length = 0;
  try {
    if (isScript) protectProxySettings();
    length = bodyLength(variables);
    checkBodySize(length, options.maxBodySize ?? Infinity);
    return { variables, length };
  } catch (error) {
    return { variables, length, refusal: refusing(error) };
  }
}

/** Keeps a "Proxy:" header from becoming the proxy of the application's own requests (httpoxy). */
function protectProxySettings(): void {
  delete process.env.HTTP_PROXY;
  const { NODE_USE_ENV_PROXY: variable = '0', NODE_OPTIONS: nodeOptions = '' } = process.env;
  const isFlagged = [nodeOptions, ...process.execArgv].some((options) => options.includes('--use-env-proxy'));
  if (isFlagged || (variable !== '' && variable !== '0')) {
    // Node has read HTTP_PROXY at its start. To delete it now would be too late.
    throw new RequestError(
      'environment-proxy',
      'NODE_USE_ENV_PROXY lets any client choose the proxy of a CGI script; unset it, and give the proxy to your HTTP client instead',
      500,
    );
  }
}

function isNphScript(options: RunWithCgiOptions, environ: Environ): boolean {
  const name = environ.SCRIPT_FILENAME || environ.SCRIPT_NAME || (options.environ ? '' : process.argv[1]);
  return options.nph ?? isNph(String(name));
}

function descriptorWriter(descriptor: number): (block: Block) => void {
  return (block) => (typeof block === 'string' ? writeText(descriptor, block) : writeDescriptor(descriptor, block));
}

function objectWriter(stdout: Exclude<Stdout, number>): (block: Block) => void | Promise<void> {
  return (block) => {
    const written = stdout.write(toBytes(block));
    return isPromiseLike(written) ? Promise.resolve(written).then(() => {}) : undefined;
  };
}
