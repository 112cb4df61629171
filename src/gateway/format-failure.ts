// A failure as the log shows it. The client sees none of this.

import { ApplicationError, RequestError } from '../errors.ts';

/** Returns `error` as text that ends in a newline: one line for what a client did, the whole stack for what the application did. */
export function formatFailure(gateway: string, error: unknown): string {
  if (error instanceof RequestError) return `${gateway}: ${error.name} [${error.code}]: ${error.message}\n`;
  const code = error instanceof ApplicationError ? ` [${error.code}]` : '';
  return `${gateway}:${code} ${stackOf(error)}\n`;
}

function stackOf(error: unknown): string {
  try {
    // node:util shows causes and properties too; it is loaded only when there is something to show.
    return error instanceof ApplicationError && error.stack ? error.stack : process.getBuiltinModule('node:util').inspect(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
