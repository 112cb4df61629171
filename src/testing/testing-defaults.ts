// setupTestingDefaults(): a made-up environ for tests of applications, gateways and middleware.

import { guessScheme } from '../environ/uri.ts';
import { wrapFile } from '../gateway/environ.ts';
import { Input } from '../gateway/input.ts';
import { NO_BODY } from '../gateway/source.ts';
import type { Environ, ErrorStream } from '../types.ts';

/**
 * Adds to `environ`, in place, everything that a valid environ must have and this one lacks. What is there stays. The request
 * is then a GET of "/" on 127.0.0.1 without a body, and `wsgi.errors` drops all text. Not for servers: the data is made up.
 */
export function setupTestingDefaults(environ: Record<string, unknown>): asserts environ is Environ {
  const setDefault = (name: string, value: unknown) => {
    if (!Object.hasOwn(environ, name)) environ[name] = value;
  };
  setDefault('SERVER_NAME', '127.0.0.1');
  setDefault('SERVER_PROTOCOL', 'HTTP/1.0');
  setDefault('HTTP_HOST', environ.SERVER_NAME);
  setDefault('REQUEST_METHOD', 'GET');
  const isMounted = Boolean(environ.SCRIPT_NAME);
  setDefault('SCRIPT_NAME', '');
  setDefault('PATH_INFO', isMounted ? '' : '/');
  setDefault('QUERY_STRING', '');
  setDefault('wsgi.version', [1, 0]);
  setDefault('wsgi.run_once', false);
  setDefault('wsgi.multithread', false);
  setDefault('wsgi.multiprocess', false);
  setDefault('wsgi.input', new Input(NO_BODY, Infinity));
  setDefault('wsgi.input_terminated', true);
  setDefault('wsgi.errors', NO_LOG);
  setDefault('wsgi.file_wrapper', wrapFile);
  setDefault('wsgi.url_scheme', guessScheme(environ));
  setDefault('SERVER_PORT', environ['wsgi.url_scheme'] === 'https' ? '443' : '80');
}

const NO_LOG: ErrorStream = { write() {}, writelines() {}, flush() {} };
