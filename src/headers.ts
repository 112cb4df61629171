// run-with-cgi/headers: finds and changes response headers by name, as Python's wsgiref.headers does.

import { percentEncode } from './environ/path.ts';
import { checkHeader } from './gateway/checks.ts';
import type { Header } from './types.ts';

/** The parameters for `addHeader`, by name. A parameter with the value null is a name alone. */
export type HeaderParameters = Readonly<Record<string, string | null>>;

/**
 * A view of a list of `[name, value]` pairs, such as `startResponse` takes. Its methods change the list itself. They find names
 * in any case, and keep the order and repeated headers. Methods that add a header throw an `ApplicationError` if no response
 * may carry it.
 */
export class ResponseHeaders implements Iterable<Header> {
  #headers: Header[];

  /** Throws a `TypeError` if `headers` is not an array, and an `ApplicationError` if no response may carry one of them. */
  constructor(headers: Header[] = []) {
    if (!Array.isArray(headers)) throw new TypeError('Headers must be an array of [name, value] pairs; make it [...headers]');
    headers.forEach(checkHeader);
    this.#headers = headers;
  }

  /** How many headers there are, repeated ones included. */
  get length(): number {
    return this.#headers.length;
  }

  /** Returns the first value of `name`; `otherwise` if there is none. */
  get(name: string): string | undefined;
  get<Otherwise>(name: string, otherwise: Otherwise): string | Otherwise;
  get(name: string, otherwise?: unknown): unknown {
    return this.#headers.find(isNamed(name))?.[1] ?? otherwise;
  }

  /** Returns all values of `name`, in order. */
  getAll(name: string): string[] {
    return this.#headers.filter(isNamed(name)).map(([, value]) => value);
  }

  /** Whether there is a header `name`. */
  has(name: string): boolean {
    return this.#headers.some(isNamed(name));
  }

  /** Removes all headers of that name, and adds the header at the end. */
  set(name: string, value: string): void {
    checkHeader([name, value]);
    this.delete(name);
    this.#headers.push([name, value]);
  }

  /** Adds the header if there is none of that name. Returns the value of the header that is there then. */
  setDefault(name: string, value: string): string {
    const existing = this.get(name);
    if (existing !== undefined) return existing;
    this.append(name, value);
    return value;
  }

  /** Adds the header at the end, and keeps others of that name. Set-Cookie needs this. */
  append(name: string, value: string): void {
    checkHeader([name, value]);
    this.#headers.push([name, value]);
  }

  /**
   * Adds a header with parameters: `addHeader('Content-Disposition', 'attachment', { filename: 'a b.txt' })` adds
   * `attachment; filename="a b.txt"`. "_" in the name of a parameter becomes "-". A parameter with characters beyond ISO-8859-1
   * is encoded as in RFC 8187. If `value` is null, the header has parameters only.
   */
  addHeader(name: string, value: string | null, parameters: HeaderParameters = {}): void {
    const parts = value === null ? [] : [value];
    for (const [key, text] of Object.entries(parameters)) parts.push(parameter(key.replaceAll('_', '-'), text));
    this.append(name, parts.join('; '));
  }

  /** Removes all headers of that name. Does nothing if there are none. */
  delete(name: string): void {
    const others = this.#headers.filter((header) => !isNamed(name)(header));
    this.#headers.splice(0, this.#headers.length, ...others);
  }

  /** Returns the name of each header, as it was given. */
  keys(): string[] {
    return this.#headers.map(([name]) => name);
  }

  /** Returns the value of each header. */
  values(): string[] {
    return this.#headers.map(([, value]) => value);
  }

  /** Returns a copy of the list of pairs. */
  items(): Header[] {
    return this.#headers.map(([name, value]) => [name, value]);
  }

  [Symbol.iterator](): Iterator<Header> {
    return this.items().values();
  }

  /** Returns the headers as they are sent, with the empty line after them. */
  toString(): string {
    return `${this.#headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }

  /** Returns the bytes of `toString()`. */
  toBytes(): Buffer {
    return Buffer.from(this.toString(), 'latin1');
  }
}

function isNamed(name: string): (header: Header) => boolean {
  const lowerCase = name.toLowerCase();
  return ([one]) => one.toLowerCase() === lowerCase;
}

function parameter(name: string, text: string | null): string {
  if (text === null || text === '') return name;
  if (/[^\0-\xff]/.test(text)) return `${name}*=UTF-8''${percentEncode(encodeURIComponent(text), /['()*]/g)}`;
  return `${name}="${text.replace(/["\\]/g, '\\$&')}"`;
}
