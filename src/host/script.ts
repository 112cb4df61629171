// cgiScript(): a CGI program, in any language, as an application. It starts a process for each request, as a web server does.

import { resolve } from 'node:path';
import { encodeUtf8 } from '../environ/byte-string.ts';
import type { ApplicationFunction, Environ } from '../types.ts';
import { type HostSettings, ProgramResponse } from './response.ts';

export interface CgiScriptOptions {
  /** Variables to add to those of the request, as text. They win over PATH, which is that of this process by default. */
  env?: Readonly<Record<string, string>>;
  /** A command to run the program with: its path is added to it, and it need not be executable. Default: none. */
  interpreter?: readonly string[];
  /** Whether the program gets the Authorization header, as with Apache's CGIPassAuth. Default: false. RFC 3875 §4.1.18 */
  passAuthorization?: boolean;
  /**
   * Milliseconds for which a program may neither write output nor read input. After that it is ended, and the client gets a 504
   * or a response that ends short. Infinity is no limit. Default: 60,000.
   */
  timeout?: number;
}

/**
 * Returns an application that runs the program `path`, relative to the current folder, for each request. The program runs in
 * its own folder. It gets the variables of the request and no others, and the request body on its standard input. Its standard
 * error goes to `wsgi.errors`, line by line. Both bodies are streamed.
 *
 * Answers 502 if the program cannot be started or its output is no CGI response, and 503 if the machine cannot start another
 * process. If the request ends before the program, for instance because the client has left, the program and all that it has
 * started get SIGTERM, and SIGKILL three seconds later.
 *
 * Throws a `TypeError` for a name in `env` that no shell could use. RFC 3875 #40 to #53
 */
export function cgiScript(path: string, options: CgiScriptOptions = {}): ApplicationFunction {
  const program = encodeUtf8(resolve(path));
  const find = (environ: Environ) => (environ.PATH_INFO.includes('\0') ? '404 Not Found' : { path: program, environ });
  return runPrograms({ ...programSettings(options), find, followsRedirects: false });
}

/** Returns an application that runs programs as `settings` say. */
export function runPrograms(settings: HostSettings): ApplicationFunction {
  return (environ, startResponse) => new ProgramResponse(settings, environ, startResponse);
}

/** Returns `options` with their defaults, as byte strings. */
export function programSettings(options: CgiScriptOptions): Omit<HostSettings, 'find' | 'followsRedirects'> {
  const { env = {}, interpreter = [], passAuthorization = false, timeout = 60_000 } = options;
  const variables: Record<string, string> = { PATH: encodeUtf8(process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin') };
  for (const [name, value] of Object.entries(env)) {
    if (!/^[A-Z_][A-Z0-9_]*$/i.test(name)) {
      throw new TypeError(`The name of a variable is letters, digits and "_", got ${JSON.stringify(name)}`);
    }
    variables[name] = encodeUtf8(value);
  }
  return { interpreter: interpreter.map(encodeUtf8), passAuthorization, timeout, variables };
}
