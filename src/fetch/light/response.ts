// The class Response of the Fetch standard, in plain JavaScript. https://fetch.spec.whatwg.org/#response-class

import type { Header } from '../../types.ts';
import {
  Body,
  type BodySource,
  blobOf,
  bytesOf,
  extract,
  formDataOf,
  HAS_TEXT_STREAM,
  textOf,
  textStreamOf,
  toUint8Array,
} from './body.ts';
import { freeze, Headers, pairsOf } from './headers.ts';
import { definePlatformClass, requireArguments, showInLogs, toByteString, toDictionary } from './idl.ts';
import { isNative } from './native.ts';

const NULL_BODY = new Set([101, 103, 204, 205, 304]);
const REDIRECT = new Set([301, 302, 303, 307, 308]);

let makeError: (response: Response) => void;
let stateOf: (response: Response) => Body | null;
/** Whether `response` is of this class. A Proxy of one is not: it has no private members. */
let isLight: (response: object) => response is Response;

export class Response {
  #type: 'default' | 'error' = 'default';
  #status: number;
  #statusText: string;
  #headers: Headers;
  #body: Body | null = null;

  static {
    makeError = (response) => {
      response.#type = 'error';
      response.#status = 0;
      freeze(response.#headers);
    };
    stateOf = (response) => response.#body;
    isLight = (response) => #body in response;
  }

  static error(): Response {
    const response = new Response();
    makeError(response);
    return response;
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    requireArguments(arguments.length, 1, 'Response.redirect');
    let location: string;
    try {
      location = new URL(`${url as string}`).href;
    } catch (error) {
      throw new TypeError(`Failed to parse URL from ${String(url)}`, { cause: error });
    }
    const code = toStatus(status);
    if (!REDIRECT.has(code)) throw new RangeError(`Invalid status code ${code}`);
    const response = new Response(null, { status: code, headers: { location } });
    freeze(response.headers);
    return response;
  }

  static json(data: unknown, init: unknown = {}): Response {
    requireArguments(arguments.length, 1, 'Response.json');
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('Value is not JSON serializable');
    const response = new Response(null, init);
    response.#setBody(new Body(text), 'application/json');
    return response;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    if (typeof this === 'function' && Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return this === Response && typeof value === 'object' && value !== null && isNative('Response', value);
  }

  constructor(body: unknown = null, init: unknown = {}) {
    const { status = 200, statusText = '', headers } = toDictionary(init, 'Response constructor');
    const code = toStatus(status);
    const reason = toByteString(statusText);
    const list = new Headers(headers === null ? INVALID_HEADERS : headers);
    const extracted = body === null || body === undefined ? undefined : extract(body);
    if (code < 200 || code > 599) throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(reason)) throw new TypeError('Invalid statusText');
    this.#status = code;
    this.#statusText = reason;
    this.#headers = list;
    if (extracted) this.#setBody(extracted.body, extracted.type);
  }

  #setBody(body: Body, type: string | null): void {
    if (NULL_BODY.has(this.#status)) throw new TypeError(`Response constructor: Invalid response status code ${this.#status}`);
    this.#body = body;
    if (type !== null && !this.#headers.has('content-type')) this.#headers.append('content-type', type);
  }

  get type(): string {
    return this.#type;
  }

  get url(): string {
    return '';
  }

  get redirected(): boolean {
    return false;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body?.stream ?? null;
  }

  get bodyUsed(): boolean {
    return this.#body?.used ?? false;
  }

  clone(): Response {
    const copy = new Response(null, {
      status: this.#type === 'error' ? 200 : this.#status,
      statusText: this.#statusText,
      headers: this.#headers,
    });
    copy.#body = this.#body?.clone() ?? null;
    if (this.#type === 'error') makeError(copy);
    return copy;
  }

  async blob(): Promise<Blob> {
    return blobOf(this.#body, this.#headers);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return toUint8Array(await bytesOf(this.#body)).buffer;
  }

  async text(): Promise<string> {
    return textOf(this.#body);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await textOf(this.#body));
  }

  async formData(): Promise<FormData> {
    return formDataOf(this.#body, this.#headers);
  }

  async bytes(): Promise<Uint8Array> {
    return toUint8Array(await bytesOf(this.#body));
  }

  textStream(): ReadableStream<string> {
    return textStreamOf(this.#body);
  }
}

/** An argument that `new Headers()` refuses, as the standard has it for null. */
const INVALID_HEADERS = 0;

/** Returns `value` as an unsigned short, as Web IDL converts numbers. */
function toStatus(value: unknown): number {
  return Math.trunc(Number(value)) & 0xffff;
}

if (!HAS_TEXT_STREAM) Reflect.deleteProperty(Response.prototype, 'textStream');
definePlatformClass(Response, 'Response', ['error', 'redirect', 'json']);
showInLogs(Response.prototype, 'Response', ['status', 'statusText', 'headers', 'body', 'bodyUsed', 'ok', 'redirected', 'type', 'url']);

/** Takes the body out of `response` in the form in which it was given. It counts as used then. */
export function bodyOf(response: globalThis.Response | Response): BodySource | null {
  if (!isLight(response)) {
    if (response.bodyUsed || response.body?.locked) throw new TypeError('Body is unusable: Body has already been read');
    return response.body;
  }
  return stateOf(response)?.take() ?? null;
}

/** Returns the headers in the order of the standard. */
export function headerList(headers: Headers | Iterable<[string, string]>): Header[] {
  return headers instanceof Headers ? pairsOf(headers).map(([name, value]) => [name, value]) : [...headers];
}
