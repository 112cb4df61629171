// The status of a response: the reason that goes with a code, which codes have no body, and the status of a failure.

import { ApplicationError, RequestError, type StatusHint } from '../errors.ts';

/** node:http has these, too, but takes milliseconds to load. */
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Payload Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  418: "I'm a Teapot",
  421: 'Misdirected Request',
  422: 'Unprocessable Entity',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  509: 'Bandwidth Limit Exceeded',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

/** Returns the reason phrase that node:http has for `statusCode`, such as "OK"; "Unknown" if it has none. */
export function reasonOf(statusCode: number): string {
  return REASONS[statusCode] ?? 'Unknown';
}

/** Whether a response with this code has no body, whatever the application gives. RFC 9110 §6.4.1, §15.3.6 */
export function isBodiless(statusCode: number): boolean {
  return statusCode === 204 || statusCode === 205 || statusCode === 304;
}

/** The words of RFC 9110, some of which are newer than those of node:http. */
const FAILURES: Readonly<Record<StatusHint, string>> = {
  400: '400 Bad Request',
  411: '411 Length Required',
  413: '413 Content Too Large',
  431: '431 Request Header Fields Too Large',
  500: '500 Internal Server Error',
  502: '502 Bad Gateway',
  503: '503 Service Unavailable',
  504: '504 Gateway Timeout',
  507: '507 Insufficient Storage',
};

/** Returns the status with which a failure is answered: that of its `statusHint`, or 500 for an error that has none. */
export function failureStatus(error: unknown): string {
  return FAILURES[error instanceof ApplicationError || error instanceof RequestError ? error.statusHint : 500];
}
