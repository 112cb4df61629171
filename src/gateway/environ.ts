// environ: the variables of a request, and what the gateway adds to them.

import type { Environ, ErrorStream, FileWrapperFunction, InputStream } from '../types.ts';
import { FileWrapper } from './file-wrapper.ts';

/** What gateways differ in: their streams, and how they call the application. */
export interface GatewayValues {
  input: InputStream;
  errors: ErrorStream;
  multithread: boolean;
  multiprocess: boolean;
  runOnce: boolean;
}

/** Adds the values of a gateway to `variables`, in place, and returns them as environ. PEP 3333 #14 to #20 */
export function toEnviron(variables: Record<string, unknown>, gateway: GatewayValues): Environ {
  const values = {
    'wsgi.version': [1, 0],
    'wsgi.input': gateway.input,
    'wsgi.errors': gateway.errors,
    'wsgi.multithread': gateway.multithread,
    'wsgi.multiprocess': gateway.multiprocess,
    'wsgi.run_once': gateway.runOnce,
    'wsgi.input_terminated': true,
    'wsgi.file_wrapper': wrapFile,
  };
  // The prototype is removed last: V8 makes a hash table of an object without one. That takes longer to fill with names that stand in
  // the source, as here, and less time with names from outside, as in fastcgi/request.ts.
  return Object.setPrototypeOf(Object.assign(variables, values), null);
}

/** The wsgi.file_wrapper of every gateway: returns `file` as a response body. */
export const wrapFile: FileWrapperFunction = (file, blockSize) => new FileWrapper(file, blockSize);
