// One exchange in memory, as bytes: the tests of src/gateway use it in place of a web server.

import { expect } from 'vitest';
import { type Application, type RunWithCgiOptions, runWithCgi } from '../src/index.ts';
import { type ContractError, validator } from '../src/validator/index.ts';

export interface Outcome {
  /** Everything written to standard output, as a byte string. */
  output: string;
  /** The same, one entry a write. */
  writes: string[];
  /** Everything written to wsgi.errors. */
  errors: string;
}

export interface Request {
  method?: string;
  body?: string;
  environ?: Record<string, string>;
  options?: RunWithCgiOptions;
}

/** Runs `application` through the real gateway. What the gateway does wrong fails the test; applications here may do wrong. */
export async function run(application: unknown, { method = 'GET', body, environ = {}, options = {} }: Request = {}): Promise<Outcome> {
  const outcome: Outcome = { output: '', writes: [], errors: '' };
  const length = body === undefined ? {} : { CONTENT_LENGTH: String(Buffer.byteLength(body)) };
  const violations: ContractError[] = [];
  const report = (violation: ContractError) => violation.side === 'server' && violations.push(violation);
  const observed = typeof application === 'function' ? validator(application as Application, { report }) : application;
  await runWithCgi(observed as Application, {
    environ: { REQUEST_METHOD: method, SCRIPT_NAME: '/app', ...length, ...environ },
    stdin: body ?? '',
    stdout: {
      write(bytes: Uint8Array) {
        const text = Buffer.from(bytes).toString('latin1');
        outcome.writes.push(text);
        outcome.output += text;
      },
    },
    stderr: {
      write(text: string) {
        outcome.errors += text;
      },
    },
    ...options,
  });
  expect(violations).toEqual([]);
  return outcome;
}

/** An application that answers 200 with `body` and `headers`. */
export function answering(body: unknown, headers: [string, string][] = [], status = '200 OK') {
  return (_environ: unknown, startResponse: (status: string, headers: [string, string][]) => unknown) => {
    startResponse(status, headers);
    return body;
  };
}

/** A response by its parts: status line, header lines without their values' order being lost, and body. */
export function response(status: string, headers: string[], body = ''): string {
  return [`Status: ${status}`, ...headers, '', body].join('\r\n');
}

export const SERVER_ERROR = response(
  '500 Internal Server Error',
  ['Content-Type: text/plain', 'Content-Length: 26'],
  '500 Internal Server Error\n',
);

/** A body that counts how often its close() is called. */
export function closable<Body extends object>(body: Body): Body & { closed: number; close(): void } {
  return Object.assign(body, {
    closed: 0,
    close(this: { closed: number }) {
      this.closed++;
    },
  });
}
