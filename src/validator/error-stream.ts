// The rules on wsgi.errors, which the application must keep.

import { show } from '../show.ts';
import type { ErrorStream } from '../types.ts';
import type { Enforcer } from './contract-error.ts';

/// ## wsgi.errors
///
/// `wsgi.errors` is the server's log. It takes any text, with `\n` as line end, and never throws. The application may use it as
/// long as the process lives.

/** Returns `errors` with checks of how the application uses it. */
export function checkedErrors(errors: ErrorStream, { application }: Enforcer): ErrorStream {
  /// - **`errors-text`** `write(text)` takes one string, and `writelines(lines)` takes an iterable of strings. `flush()` makes
  ///   sure that no text is lost.
  const checkText = (text: unknown) =>
    application('errors-text', typeof text === 'string', () => `wsgi.errors takes text, got ${show(text)}`);
  return {
    write(...args) {
      application('errors-text', args.length === 1, () => `wsgi.errors.write() takes one argument, got ${args.length}`);
      checkText(args[0]);
      errors.write(...args);
    },
    writelines(lines) {
      for (const line of lines) {
        checkText(line);
        errors.write(line);
      }
    },
    flush() {
      errors.flush();
    },
    /// - **`errors-close`** The application does not close `wsgi.errors`.
    // The type ErrorStream has no close(), so TypeScript takes one only by way of a spread.
    ...{
      close() {
        application('errors-close', false, () => "wsgi.errors is the server's and must not be closed");
      },
    },
  };
}
