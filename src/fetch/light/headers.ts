// The class Headers of the Fetch standard, in plain JavaScript. https://fetch.spec.whatwg.org/#headers-class

import { isToken } from '../../gateway/checks.ts';
import type { Header } from '../../types.ts';
import { definePlatformClass, requireArguments, toByteString } from './idl.ts';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Whether `freeze` has been called. */
let isImmutable: (headers: Headers) => boolean;
/** Makes later changes throw a `TypeError`. */
let freeze: (headers: Headers) => void;
/** Returns the headers as iteration gives them. */
let pairsOf: (headers: Headers) => Header[];

export class Headers {
  /** By name in lower case: the name as it was first given, and all values of it, joined. */
  #values = new Map<string, Header>();
  /** The values of Set-Cookie one by one, because they cannot be split once they are joined. */
  #cookies: string[] = [];
  #isImmutable = false;
  #sorted: Header[] | undefined;

  static {
    isImmutable = (headers) => headers.#isImmutable;
    freeze = (headers) => {
      headers.#isImmutable = true;
    };
    pairsOf = (headers) => headers.#pairs();
  }

  constructor(init: unknown = undefined) {
    if (init === undefined) return;
    if (typeof init !== 'object' && typeof init !== 'function')
      throw new TypeError('Headers constructor: the argument is neither a sequence nor a record');
    if (init === null) throw new TypeError('Headers constructor: the argument is neither a sequence nor a record');
    this.#fill(init);
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.append');
    this.#append(toByteString(name), toByteString(value));
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'Headers.delete');
    const key = keyOf(toByteString(name));
    this.#change();
    this.#values.delete(key);
    if (key === 'set-cookie') this.#cookies = [];
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, 'Headers.get');
    return this.#values.get(keyOf(toByteString(name)))?.[1] ?? null;
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'Headers.has');
    return this.#values.has(keyOf(toByteString(name)));
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.set');
    const given = toByteString(name);
    const bytes = toByteString(value);
    const key = keyOf(given);
    const checked = checkValue(bytes);
    this.#change();
    this.#values.set(key, [given, checked]);
    if (key === 'set-cookie') this.#cookies = [checked];
  }

  getSetCookie(): string[] {
    return [...this.#cookies];
  }

  keys(): HeadersIterator<string> {
    return new HeadersIterator(
      () => this.#pairs(),
      ([name]) => name,
    );
  }

  values(): HeadersIterator<string> {
    return new HeadersIterator(
      () => this.#pairs(),
      ([, value]) => value,
    );
  }

  entries(): HeadersIterator<Header> {
    return new HeadersIterator(
      () => this.#pairs(),
      ([name, value]) => [name, value],
    );
  }

  forEach(callback: unknown, self: unknown = undefined): void {
    requireArguments(arguments.length, 1, 'Headers.forEach');
    if (typeof callback !== 'function') throw new TypeError('Headers.forEach: the argument is not a function');
    for (const [name, value] of this.entries()) callback.call(self, value, name, this);
  }

  [Symbol.iterator](): HeadersIterator<Header> {
    return this.entries();
  }

  [INSPECT](_depth: number, options: object): string {
    const { inspect } = process.getBuiltinModule('node:util');
    return `Headers ${inspect(Object.fromEntries(this.#values.values()), options)}`;
  }

  /** Converts all of `init` before it appends the first header, as Web IDL has it. */
  #fill(init: object): void {
    const iterate: unknown = Reflect.get(init, Symbol.iterator);
    if (iterate !== undefined && iterate !== null && typeof iterate !== 'function') {
      throw new TypeError('Headers constructor: the argument is not iterable');
    }
    if (#values in init && iterate === Headers.prototype.entries) {
      this.#values = new Map(init.#values);
      this.#cookies = [...init.#cookies];
      return;
    }
    const headers = iterate ? fromSequence(init as Iterable<unknown>) : fromRecord(init);
    for (const [name, value] of headers) this.#append(name, value);
  }

  #append(name: string, value: string): void {
    const key = keyOf(name);
    const checked = checkValue(value);
    this.#change();
    const earlier = this.#values.get(key);
    if (key === 'set-cookie') this.#cookies.push(checked);
    if (earlier === undefined) this.#values.set(key, [name, checked]);
    else this.#values.set(key, [earlier[0], `${earlier[1]}${key === 'cookie' ? '; ' : ', '}${checked}`]);
  }

  #change(): void {
    if (this.#isImmutable) throw new TypeError('immutable');
    this.#sorted = undefined;
  }

  /** Returns the headers as iteration gives them: sorted by name, each Set-Cookie by itself. */
  #pairs(): Header[] {
    this.#sorted ??= [...this.#values]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([key, [, value]]): Header[] => (key === 'set-cookie' ? this.#cookies.map((cookie) => [key, cookie]) : [[key, value]]));
    return this.#sorted;
  }
}

/** https://webidl.spec.whatwg.org/#js-sequence */
function fromSequence(init: Iterable<unknown>): Header[] {
  return Array.from(init, (pair): Header => {
    if ((typeof pair !== 'object' && typeof pair !== 'function') || pair === null || !(Symbol.iterator in pair)) {
      throw new TypeError('Headers constructor: a header is not a sequence');
    }
    const parts = Array.from(pair as Iterable<unknown>, toByteString);
    const [name, value] = parts;
    if (parts.length !== 2 || name === undefined || value === undefined) {
      throw new TypeError(`Headers constructor: expected name/value pair to be length 2, found ${parts.length}.`);
    }
    return [name, value];
  });
}

/** https://webidl.spec.whatwg.org/#js-record */
function fromRecord(init: object): Header[] {
  const headers: Header[] = [];
  for (const key of Reflect.ownKeys(init)) {
    if (!Reflect.getOwnPropertyDescriptor(init, key)?.enumerable) continue;
    const name = toByteString(key);
    headers.push([name, toByteString(Reflect.get(init, key))]);
  }
  return headers;
}

/** Iterates over headers. It sees changes that are made meanwhile. */
class HeadersIterator<Item> implements IterableIterator<Item> {
  #pairs: () => Header[];
  #show: (pair: Header) => Item;
  #at = 0;

  constructor(pairs: () => Header[], show: (pair: Header) => Item) {
    this.#pairs = pairs;
    this.#show = show;
  }

  next(): IteratorResult<Item, undefined> {
    const pair = this.#pairs()[this.#at];
    if (pair === undefined) return { done: true, value: undefined };
    this.#at++;
    return { done: false, value: this.#show(pair) };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
Object.setPrototypeOf(HeadersIterator.prototype, IteratorPrototype);
Reflect.deleteProperty(HeadersIterator.prototype, Symbol.iterator);
Reflect.deleteProperty(HeadersIterator.prototype, 'constructor');
Object.defineProperty(HeadersIterator.prototype, 'next', { enumerable: true });
Object.defineProperty(HeadersIterator.prototype, Symbol.toStringTag, { value: 'Headers Iterator', configurable: true });

definePlatformClass(Headers, 'Headers');
Object.defineProperty(Headers.prototype, Symbol.iterator, { value: Headers.prototype.entries, writable: true, configurable: true });

export { freeze, isImmutable, pairsOf };

function keyOf(name: string): string {
  if (!isToken(name)) throw new TypeError(`Headers: ${name} is an invalid header name.`);
  return name.toLowerCase();
}

/** Returns `value` without the whitespace around it. Throws a `TypeError` for one that cannot be sent. https://fetch.spec.whatwg.org/#concept-header-value-normalize */
function checkValue(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value.charCodeAt(start))) start++;
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--;
  const normalized = value.slice(start, end);
  if (/[\0\r\n]/.test(normalized)) throw new TypeError(`Headers: ${value} is an invalid header value.`);
  return normalized;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}
