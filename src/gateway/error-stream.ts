// wsgi.errors, over whatever takes the text: a stream, a descriptor, a record of FastCGI.

import type { ErrorStream } from '../types.ts';

/** A log: `process.stderr`, or anything else with `write`. */
export interface Log {
  write(text: string): unknown;
}

/** Returns `wsgi.errors` over `log`. It takes any text, never throws, and keeps nothing back. PEP 3333 #34 to #38 */
export function errorStream(log: Log): ErrorStream {
  const errors: ErrorStream = {
    write(text) {
      try {
        log.write(String(text));
      } catch {
        // The log is the last place where a failure could be reported.
      }
    },
    writelines(lines) {
      for (const line of lines) errors.write(line);
    },
    flush() {},
  };
  return errors;
}
