// The class Request of the Fetch standard, in plain JavaScript. https://fetch.spec.whatwg.org/#request-class

import { isToken } from '../../gateway/checks.ts';
import type { RequestInitial } from '../platform.ts';
import { Body, blobOf, bytesOf, extract, formDataOf, HAS_TEXT_STREAM, textOf, textStreamOf, toUint8Array } from './body.ts';
import { Headers } from './headers.ts';
import { definePlatformClass, requireArguments, showInLogs, toByteString, toDictionary, toEnum } from './idl.ts';
import { isNative, nativeRequest } from './native.ts';

const NORMALIZED = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'];
const FORBIDDEN = ['CONNECT', 'TRACE', 'TRACK'];
/** https://fetch.spec.whatwg.org/#cors-safelisted-method */
const SIMPLE = ['GET', 'HEAD', 'POST'];
const CHOICES = {
  mode: ['navigate', 'same-origin', 'no-cors', 'cors'],
  credentials: ['omit', 'same-origin', 'include'],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  redirect: ['follow', 'error', 'manual'],
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
  duplex: ['half'],
  priority: ['high', 'low', 'auto'],
} as const;
/** The members of the dictionary RequestInit. */
const MEMBERS = ['method', 'headers', 'body', 'referrer', 'integrity', 'keepalive', 'signal', 'window', ...Object.keys(CHOICES)];

/** The attributes that mean nothing to a server, and are kept all the same. */
interface Settings {
  mode: string;
  credentials: string;
  cache: string;
  redirect: string;
  referrer: string;
  referrerPolicy: string;
  integrity: string;
  keepalive: boolean;
}

const DEFAULTS: Settings = {
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
};

/** What `createRequest` gives to the constructor. */
let nextRequest: RequestInitial | undefined;
/** Whether `request` is of this class. A Proxy of one is not: it has no private members. */
let isLight: (request: object) => request is Request;
let stateOf: (request: Request) => { body: Body | null; settings: Settings; hasSignal: boolean };

export class Request {
  #url: string;
  #method: string;
  #headers: Headers;
  #body: Body | null = null;
  #settings: Settings = DEFAULTS;
  /** Returns the signal that this request's own follows; undefined if it follows none. */
  #parentSignal: (() => AbortSignal) | undefined;
  #signal: AbortSignal | undefined;

  static {
    isLight = (request) => #body in request;
    stateOf = (request) => ({
      body: request.#body,
      settings: request.#settings,
      hasSignal: request.#parentSignal !== undefined || request.#signal !== undefined,
    });
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    if (typeof this === 'function' && Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return this === Request && typeof value === 'object' && value !== null && isNative('Request', value);
  }

  constructor(input: unknown, init: unknown = {}) {
    if (nextRequest !== undefined && input === nextRequest) {
      // From a gateway, which needs no checks.
      const { url, method, headers, body, signal } = nextRequest;
      nextRequest = undefined;
      this.#url = url;
      this.#method = method;
      this.#headers = new Headers(headers);
      const blocks = method === 'GET' || method === 'HEAD' ? undefined : body();
      if (blocks) this.#body = new Body(blocks);
      this.#parentSignal = signal;
      return;
    }
    requireArguments(arguments.length, 1, 'Request constructor');
    const given = toDictionary(init, 'Request constructor');
    const earlier = typeof input === 'object' && input !== null && input instanceof Request ? input : undefined;
    this.#url = earlier ? earlier.url : parseUrl(input);
    this.#settings = toSettings(given, earlier);
    this.#method = given.method === undefined ? (earlier?.method ?? 'GET') : toMethod(given.method);
    if (this.#settings.mode === 'no-cors' && !SIMPLE.includes(this.#method)) {
      throw new TypeError(`'${this.#method}' is unsupported in no-cors mode.`);
    }
    this.#headers = new Headers(given.headers === undefined ? earlier?.headers : given.headers);
    this.#parentSignal = given.signal === undefined ? earlier && (() => earlier.signal) : toSignal(given.signal);
    this.#takeBody(given, earlier);
  }

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get destination(): string {
    return '';
  }

  get referrer(): string {
    return this.#settings.referrer;
  }

  get referrerPolicy(): string {
    return this.#settings.referrerPolicy;
  }

  get mode(): string {
    return this.#settings.mode;
  }

  get credentials(): string {
    return this.#settings.credentials;
  }

  get cache(): string {
    return this.#settings.cache;
  }

  get redirect(): string {
    return this.#settings.redirect;
  }

  get integrity(): string {
    return this.#settings.integrity;
  }

  get keepalive(): boolean {
    return this.#settings.keepalive;
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  get signal(): AbortSignal {
    this.#signal ??= this.#parentSignal ? followSignal(this.#parentSignal()) : new AbortController().signal;
    return this.#signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body?.stream ?? null;
  }

  get bodyUsed(): boolean {
    return this.#body?.used ?? false;
  }

  get duplex(): string {
    return 'half';
  }

  clone(): Request {
    const body = this.#body?.clone() ?? null;
    const copy = new Request(this.#url, { headers: this.#headers });
    copy.#method = this.#method;
    copy.#settings = this.#settings;
    copy.#body = body;
    copy.#parentSignal = () => this.signal;
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

  #takeBody(given: Readonly<Record<string, unknown>>, earlier: Request | globalThis.Request | undefined): void {
    const isBodiless = this.#method === 'GET' || this.#method === 'HEAD';
    const hasNew = given.body !== undefined && given.body !== null;
    const inherited =
      earlier === undefined || given.body === null
        ? null
        : isLight(earlier)
          ? earlier.#body
          : earlier.body === null
            ? null
            : new Body(earlier.body);
    if (isBodiless && (hasNew || inherited !== null)) throw new TypeError('Request with GET/HEAD method cannot have body.');
    if (hasNew) {
      const { body, type, isStream } = extract(given.body, this.#settings.keepalive);
      if (isStream && given.duplex === undefined) throw new TypeError('RequestInit: duplex option is required when sending a body.');
      if (isStream && this.#settings.mode !== 'same-origin' && this.#settings.mode !== 'cors') {
        throw new TypeError('If request is made from ReadableStream, mode should be "same-origin" or "cors"');
      }
      if (type !== null && !this.#headers.has('content-type')) this.#headers.append('content-type', type);
      this.#body = body;
    } else if (inherited !== null) {
      if (inherited.unusable) throw new TypeError('Cannot construct a Request with a Request object that has already been used.');
      this.#body = inherited.proxy();
    }
  }
}

if (!HAS_TEXT_STREAM) Reflect.deleteProperty(Request.prototype, 'textStream');
definePlatformClass(Request, 'Request');
// Every Node has this property, and it is undefined.
Object.defineProperty(Request.prototype, 'attribute', { enumerable: true });
showInLogs(Request.prototype, 'Request', [
  ...['method', 'url', 'headers', 'destination', 'referrer', 'referrerPolicy', 'mode', 'credentials', 'cache', 'redirect', 'integrity'],
  ...['keepalive', 'isReloadNavigation', 'isHistoryNavigation', 'signal'],
]);

function parseUrl(input: unknown): string {
  let url: URL;
  try {
    url = new URL(`${input as string}`);
  } catch (error) {
    throw new TypeError(`Failed to parse URL from ${String(input)}`, { cause: error });
  }
  if (url.username || url.password) throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${url.href}`);
  return url.href;
}

function toMethod(value: unknown): string {
  const method = toByteString(value);
  const upperCase = method.toUpperCase();
  if (!isToken(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`);
  if (FORBIDDEN.includes(upperCase)) throw new TypeError(`'${method}' HTTP method is unsupported.`);
  return NORMALIZED.includes(upperCase) ? upperCase : method;
}

function toSettings(given: Readonly<Record<string, unknown>>, earlier: Request | globalThis.Request | undefined): Settings {
  const before = settingsBefore(given, earlier);
  const choice = (name: keyof typeof CHOICES, fallback: string) =>
    toEnum<string>(given[name], CHOICES[name], fallback, `Request constructor: ${name}`);
  const setting = (name: Exclude<keyof typeof CHOICES, 'duplex' | 'priority'>) => choice(name, before[name]);
  // These two are only checked.
  choice('duplex', 'half');
  choice('priority', 'auto');
  const settings: Settings = {
    mode: setting('mode'),
    credentials: setting('credentials'),
    cache: setting('cache'),
    redirect: setting('redirect'),
    referrerPolicy: setting('referrerPolicy'),
    referrer: given.referrer === undefined ? before.referrer : toReferrer(given.referrer),
    integrity: given.integrity === undefined ? before.integrity : String(given.integrity),
    keepalive: given.keepalive === undefined ? before.keepalive : Boolean(given.keepalive),
  };
  if (given.mode === 'navigate') throw new TypeError('Request constructor: invalid request mode navigate.');
  if (given.window !== undefined && given.window !== null) throw new TypeError(`'window' option '${String(given.window)}' must be null`);
  if (settings.cache === 'only-if-cached' && settings.mode !== 'same-origin') {
    throw new TypeError("'only-if-cached' can be set only with 'same-origin' mode");
  }
  return settings;
}

/** Returns the settings of `earlier`, from which a request is made. With any member in `given` the referrer is reset. */
function settingsBefore(given: Readonly<Record<string, unknown>>, earlier: Request | globalThis.Request | undefined): Settings {
  if (earlier === undefined) return DEFAULTS;
  const settings = isLight(earlier) ? stateOf(earlier).settings : earlier;
  if (MEMBERS.every((name) => given[name] === undefined)) return settings;
  const { mode, credentials, cache, redirect, integrity, keepalive } = settings;
  return { ...DEFAULTS, mode, credentials, cache, redirect, integrity, keepalive };
}

function toReferrer(value: unknown): string {
  const referrer = `${value as string}`;
  if (referrer === '') return '';
  try {
    return new URL(referrer).href;
  } catch (error) {
    throw new TypeError(`Referrer "${referrer}" is not a valid URL.`, { cause: error });
  }
}

function toSignal(value: unknown): (() => AbortSignal) | undefined {
  if (value === null) return undefined;
  if (typeof value === 'object' && 'aborted' in value && 'addEventListener' in value) return () => value as AbortSignal;
  throw new TypeError("Failed to construct 'Request': member signal is not of type AbortSignal.");
}

/** Returns a new signal that is aborted together with `signal`. */
function followSignal(signal: AbortSignal): AbortSignal {
  const controller = new AbortController();
  if (signal.aborted) controller.abort(signal.reason);
  else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  return controller.signal;
}

/** Returns a request for a gateway. `initial` is not checked. */
export function createRequest(initial: RequestInitial): Request {
  nextRequest = initial;
  return new Request(initial);
}

/** Returns a request of Node's own class, for the real fetch(). The body of `given` counts as used then. */
export function toNative(given: Request): globalThis.Request {
  const request = isLight(given) ? given : new Request(given);
  const { body, settings, hasSignal } = stateOf(request);
  const { mode, credentials, cache, redirect, referrerPolicy, integrity, keepalive } = settings;
  return new (nativeRequest())(request.url, {
    ...({ mode, credentials, cache, redirect, referrerPolicy, integrity, keepalive } as RequestInit),
    method: request.method,
    headers: [...request.headers],
    ...(hasSignal && { signal: request.signal }),
    ...(body && { body: body.take() as ReadableStream, duplex: 'half' }),
  });
}
