// A made-up environ for tests of applications, gateways and middleware.

import { guessScheme } from '../environ/uri.ts';
import { FileWrapper } from '../gateway/file-wrapper.ts';
import { Input } from '../gateway/input.ts';
import type { Environ, ErrorStream } from '../types.ts';

/**
 * Adds to `environ`, in place, what a valid one must have and this one has not; what is there stays. The
 * request is then a GET of "/" on 127.0.0.1 without a body, and `wsgi.errors` forgets. Not for servers: the
 * data is made up.
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
  setDefault('wsgi.input', new Input({ read: () => 0 }, Infinity));
  setDefault('wsgi.input_terminated', true);
  setDefault('wsgi.errors', oblivious);
  setDefault('wsgi.file_wrapper', (file: number, blockSize?: number) => new FileWrapper(file, blockSize));
  setDefault('wsgi.url_scheme', guessScheme(environ));
  setDefault('SERVER_PORT', environ['wsgi.url_scheme'] === 'https' ? '443' : '80');
}

const oblivious: ErrorStream = { write() {}, writelines() {}, flush() {} };
