// The two kinds of failure: the application broke the contract, or the request could not be served. Each error has a code,
// which stays the same across releases. docs/errors.md explains every code.

/** The codes of `ApplicationError`. */
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
  | 'variable-malformed'
  | 'write-after-end'
  | 'write-before-start-response';

/** The codes of `RequestError`. */
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

/** The statuses with which a gateway answers a failure. */
export type StatusHint = 400 | 411 | 413 | 431 | 500 | 502 | 503 | 504 | 507;

/** The application broke the contract of PEP 3333, or did not do its work. */
export class ApplicationError extends Error {
  override readonly name = 'ApplicationError';
  readonly code: ApplicationErrorCode;
  /**
   * The status that the client gets, unless the head of a response has been sent before. It is 500, but 504 for `timeout`, and
   * 502, 503 or 504 for `script-failed` and `upstream-failed`.
   */
  readonly statusHint: StatusHint;

  constructor(code: ApplicationErrorCode, message: string, statusHint: StatusHint = 500) {
    super(message);
    this.code = code;
    this.statusHint = statusHint;
  }
}

/** The client, the server or the machine broke the request. The application is not to blame. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  /** The status that the client gets, unless the head of a response has been sent before. */
  readonly statusHint: StatusHint;

  constructor(code: RequestErrorCode, message: string, statusHint: StatusHint, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusHint = statusHint;
  }
}
