// Headers of the Fetch standard, in plain JavaScript. https://fetch.spec.whatwg.org/#headers-class

import { isToken } from '../../gateway/checks.ts';
import type { Header } from '../../types.ts';
import { expose, need, toByteString } from './idl.ts';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

let isImmutable: (headers: Headers) => boolean;
let freeze: (headers: Headers) => void;
let pairsOf: (headers: Headers) => Header[];

export class Headers {
  /** By name in lower case, the values combined; Set-Cookie is kept apart, since its values cannot be. */
  #values = new Map<string, string>();
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
    need(arguments.length, 2, 'Headers.append');
    this.#append(checkName(toByteString(name)), checkValue(toByteString(value)));
  }

  delete(name: unknown): void {
    need(arguments.length, 1, 'Headers.delete');
    const key = checkName(toByteString(name));
    this.#change();
    if (key === 'set-cookie') this.#cookies = [];
    else this.#values.delete(key);
  }

  get(name: unknown): string | null {
    need(arguments.length, 1, 'Headers.get');
    const key = checkName(toByteString(name));
    if (key === 'set-cookie') return this.#cookies.length > 0 ? this.#cookies.join(', ') : null;
    return this.#values.get(key) ?? null;
  }

  has(name: unknown): boolean {
    need(arguments.length, 1, 'Headers.has');
    const key = checkName(toByteString(name));
    return key === 'set-cookie' ? this.#cookies.length > 0 : this.#values.has(key);
  }

  set(name: unknown, value: unknown): void {
    need(arguments.length, 2, 'Headers.set');
    const key = checkName(toByteString(name));
    const bytes = checkValue(toByteString(value));
    this.#change();
    if (key === 'set-cookie') this.#cookies = [bytes];
    else this.#values.set(key, bytes);
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
    need(arguments.length, 1, 'Headers.forEach');
    if (typeof callback !== 'function') throw new TypeError('Headers.forEach: the argument is not a function');
    for (const [name, value] of this.entries()) callback.call(self, value, name, this);
  }

  [Symbol.iterator](): HeadersIterator<Header> {
    return this.entries();
  }

  [INSPECT](_depth: number, options: object): string {
    const { inspect } = process.getBuiltinModule('node:util');
    const cookie = this.get('set-cookie');
    return `Headers ${inspect({ ...Object.fromEntries(this.#values), ...(cookie !== null && { 'set-cookie': cookie }) }, options)}`;
  }

  #fill(init: object): void {
    const iterate: unknown = Reflect.get(init, Symbol.iterator);
    if (iterate === undefined || iterate === null) {
      for (const name of Reflect.ownKeys(init)) {
        if (!Object.getOwnPropertyDescriptor(init, name)?.enumerable) continue;
        if (typeof name === 'symbol') throw new TypeError('Headers constructor: the name of a header cannot be a symbol');
        this.append(name, Reflect.get(init, name));
      }
      return;
    }
    if (typeof iterate !== 'function') throw new TypeError('Headers constructor: the argument is not iterable');
    for (const pair of init as Iterable<unknown>) {
      if ((typeof pair !== 'object' && typeof pair !== 'function') || pair === null || !(Symbol.iterator in pair)) {
        throw new TypeError('Headers constructor: a header is not a sequence');
      }
      const parts = [...(pair as Iterable<unknown>)];
      if (parts.length !== 2) throw new TypeError(`Headers constructor: expected name/value pair to be length 2, found ${parts.length}.`);
      this.append(parts[0], parts[1]);
    }
  }

  #append(key: string, value: string): void {
    this.#change();
    const earlier = this.#values.get(key);
    if (key === 'set-cookie') this.#cookies.push(value);
    else this.#values.set(key, earlier === undefined ? value : `${earlier}${key === 'cookie' ? '; ' : ', '}${value}`);
  }

  #change(): void {
    if (this.#isImmutable) throw new TypeError('immutable');
    this.#sorted = undefined;
  }

  /** As iteration shows them: sorted, Set-Cookie one by one. */
  #pairs(): Header[] {
    this.#sorted ??= [...this.#values, ...this.#cookies.map((value): Header => ['set-cookie', value])].sort(([one], [other]) =>
      one < other ? -1 : one > other ? 1 : 0,
    );
    return this.#sorted;
  }
}

/** Live: what is changed meanwhile is seen. */
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

expose(Headers, 'Headers');
Object.defineProperty(Headers.prototype, Symbol.iterator, { value: Headers.prototype.entries, writable: true, configurable: true });

/** Nobody can change them any more. */
export { freeze, isImmutable, pairsOf };

function checkName(name: string): string {
  if (!isToken(name)) throw new TypeError(`Headers: ${name} is an invalid header name.`);
  return name.toLowerCase();
}

/** Without the whitespace around it. https://fetch.spec.whatwg.org/#concept-header-value-normalize */
function checkValue(value: string): string {
  const normalized = value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\r\n]/.test(normalized)) throw new TypeError(`Headers: ${value} is an invalid header value.`);
  return normalized;
}
