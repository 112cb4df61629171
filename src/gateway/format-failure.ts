// The text of a failure in the server's log. The client sees none of it.

import { ApplicationError, RequestError } from '../errors.ts';

/**
 * Returns `error` as the log shows it, after the name of the `gateway`, with a newline at the end. A `RequestError` takes one
 * line, because its stack tells nothing. Every other error comes with its whole stack.
 */
export function formatFailure(gateway: string, error: unknown): string {
  if (error instanceof RequestError) return `${gateway}: ${error.name} [${error.code}]: ${error.message}\n`;
  const code = error instanceof ApplicationError ? ` [${error.code}]` : '';
  return `${gateway}:${code} ${stackOf(error)}\n`;
}

function stackOf(error: unknown): string {
  try {
    // inspect() shows the causes and properties of an error as well. node:util is loaded only when there is something to show.
    return error instanceof ApplicationError && error.stack ? error.stack : process.getBuiltinModule('node:util').inspect(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
