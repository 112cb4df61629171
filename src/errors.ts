// The two kinds of failure. Each has a code that stays the same across releases; docs/errors.md lists them all.

/** Codes of what an application can do wrong. */
export type ApplicationErrorCode =
  | 'application-not-callable'
  | 'body-not-iterable'
  | 'block-not-bytes'
  | 'body-too-long'
  | 'body-too-short'
  | 'content-length-malformed'
  | 'error-uncaught'
  | 'exited-early'
  | 'file-not-readable'
  | 'handler-not-fetch'
  | 'header-duplicate'
  | 'header-hop-by-hop'
  | 'header-name'
  | 'header-status'
  | 'header-value'
  | 'headers-not-a-list'
  | 'input-busy'
  | 'listener-not-node'
  | 'no-response'
  | 'response-destroyed'
  | 'response-error'
  | 'response-missing'
  | 'run-twice'
  | 'script-failed'
  | 'start-response-twice'
  | 'status-malformed'
  | 'timeout'
  | 'upstream-failed'
  | 'write-after-end'
  | 'write-before-start-response';

/** Codes of what the client, the server or the machine can do wrong. */
export type RequestErrorCode =
  | 'body-lost'
  | 'body-too-large'
  | 'body-ended-early'
  | 'body-of-unknown-length'
  | 'client-gone'
  | 'content-length-not-a-number'
  | 'environment-proxy'
  | 'host-malformed'
  | 'output-failed'
  | 'params-malformed'
  | 'params-too-large'
  | 'terminated';

/** The statuses that a failure is answered with. */
export type StatusHint = 400 | 411 | 413 | 431 | 500 | 502 | 503 | 504 | 507;

/** The application broke the contract of PEP 3333. */
export class ApplicationError extends Error {
  override readonly name = 'ApplicationError';
  readonly code: ApplicationErrorCode;
  /** The HTTP status for the client, when there is still a choice: 500, but 502 or 504 for `script-failed` and `upstream-failed`, and 504 for `timeout`. */
  readonly statusHint: StatusHint;

  constructor(code: ApplicationErrorCode, message: string, statusHint: StatusHint = 500) {
    super(message);
    this.code = code;
    this.statusHint = statusHint;
  }
}

/** The client, the server or the machine broke the request; the application is not to blame. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  /** The HTTP status for the client, when there is still a choice. */
  readonly statusHint: StatusHint;

  constructor(code: RequestErrorCode, message: string, statusHint: StatusHint, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusHint = statusHint;
  }
}
