// The server's side of CGI: one CGI program, ours or anyone's, as an application. A process a request.

import { resolve } from 'node:path';
import type { ApplicationFunction, Environ } from '../types.ts';
import { Answer, type Hosting } from './answer.ts';

export interface CgiScriptOptions {
  /** Variables for a program beside those of the request; text. Default: this process's PATH, which it also wins over. */
  env?: Readonly<Record<string, string>>;
  /** A command that is run with the program's path behind it, instead of the program itself, which then need not be executable. */
  interpreter?: readonly string[];
  /** Whether programs get the Authorization header, as with Apache's CGIPassAuth. Default: false. RFC 3875 §4.1.18 */
  passAuthorization?: boolean;
  /**
   * Milliseconds for which a program may neither give output nor take input. Then it is ended, and answered
   * with 504 if its head has not come. Default: 60 000; Infinity for no limit.
   */
  timeout?: number;
}

/**
 * Returns an application that runs the program `path`, relative to the current folder, for each request: with
 * the variables of the request and no others, in its own folder, the request body on its standard input. What
 * it says on its standard error goes to `wsgi.errors`, line by line. Bodies are streamed both ways.
 *
 * A program that cannot be started, or whose output is no CGI response, is answered with 502; 503 when the
 * machine has no room for another process. When the request is over before the program is, because the
 * client has left, for instance, it and what it has started get SIGTERM, and SIGKILL three seconds later.
 *
 * Throws a `TypeError` for a name in `env` that no shell could use. RFC 3875 #40 to #53
 */
export function cgiScript(path: string, options: CgiScriptOptions = {}): ApplicationFunction {
  const program = toBytes(resolve(path));
  const find = (environ: Environ) => (environ.PATH_INFO.includes('\0') ? '404 Not Found' : { path: program, environ });
  return host({ ...settingsOf(options), find, followsRedirects: false });
}

/** Returns an application that answers as `hosting` says. */
export function host(hosting: Hosting): ApplicationFunction {
  return (environ, startResponse) => new Answer(hosting, environ, startResponse);
}

export function settingsOf(options: CgiScriptOptions): Omit<Hosting, 'find' | 'followsRedirects'> {
  const { env = {}, interpreter = [], passAuthorization = false, timeout = 60_000 } = options;
  const variables: Record<string, string> = { PATH: toBytes(process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin') };
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Z_][A-Z0-9_]*$/i.test(name)) {
      throw new TypeError(`The name of a variable is letters, digits and "_", got ${JSON.stringify(name)}`);
    }
    variables[name] = toBytes(value);
  }
  return { interpreter: interpreter.map(toBytes), passAuthorization, timeout, variables };
}

/** Text as a byte string, in UTF-8. */
export function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}
