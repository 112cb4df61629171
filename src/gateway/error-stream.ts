// wsgi.errors of a gateway that stays, and the log behind it.

import type { ErrorStream } from '../types.ts';

/** What takes the text of a log: `process.stderr`, or anything else with `write`. */
export interface Log {
  write(text: string): unknown;
}

/** wsgi.errors over `log`. It takes any text and never fails (PEP 3333 #34 to #38). `before` is called before each text. */
export function errorStream(log: Log, before?: () => void): ErrorStream {
  return {
    write(text) {
      try {
        before?.();
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
