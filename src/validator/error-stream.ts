// The rules on wsgi.errors, which are the application's.

import { show } from '../show.ts';
import type { ErrorStream } from '../types.ts';
import type { Judge } from './violation.ts';

/// ## wsgi.errors
///
/// The server's log. It takes any text, ends lines at `\n`, and never throws. It may be used for as long as the
/// process lives.

export function checkedErrors(errors: ErrorStream, { application }: Judge): ErrorStream {
  /// - **`errors-text`** `write(text)` takes one string, `writelines(lines)` an iterable of them. `flush()` sees to
  ///   it that what was written is not lost.
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
    /// - **`errors-close`** The application does not close it.
    ...{
      close() {
        application('errors-close', false, () => "wsgi.errors is the server's and must not be closed");
      },
    },
  };
}
