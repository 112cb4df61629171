// The public names of run-with-cgi. To read the code, begin with types.ts, then gateway/exchange.ts, then cgi/run-with-cgi.ts.

export { type RunWithCgiOptions, runWithCgi, type Stdout } from './cgi/run-with-cgi.ts';
export type { LogTarget } from './cgi/stderr.ts';
export type { Stdin } from './cgi/stdin.ts';
export type { Variables } from './environ/variables.ts';
export { ApplicationError, type ApplicationErrorCode, RequestError, type RequestErrorCode, type StatusHint } from './errors.ts';
export { FileWrapper } from './gateway/file-wrapper.ts';
export { guardStdout, type RunOptions, run } from './run.ts';
export type * from './types.ts';
