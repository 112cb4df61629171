// Where the server says things: wsgi.errors, and, gathered, the access log.

import type { ErrorStream } from '../types.ts';
import type { AccessLog } from './access-log.ts';

/** What takes the text of a log: `process.stderr`, or anything else with `write`. */
export interface Log {
  write(text: string): unknown;
}

/** wsgi.errors over `log`. It takes any text and never fails (PEP 3333 #34 to #38). */
export function errorStream(log: Log, accessLog: AccessLog | undefined): ErrorStream {
  return {
    write(text) {
      try {
        // What happened before stands before it, where both logs are one.
        accessLog?.flush();
        log.write(String(text));
      } catch {
        // There is nowhere left to say it.
      }
    },
    writelines(lines) {
      for (const line of lines) this.write(line);
    },
    flush() {}, // nothing is buffered
  };
}
