// run-with-cgi/headers: a list of response headers, looked at by name.

import { checkHeader } from './gateway/checks.ts';
import type { Header } from './types.ts';

/** What `addHeader` puts behind a value: text, or null for a name that stands alone. */
export type HeaderParameters = Readonly<Record<string, string | null>>;

/**
 * A view on a list of `[name, value]` pairs, such as `startResponse` takes: what is changed here is
 * changed there. Names are found in any case; order and repetition stay. Whatever adds a header throws
 * an `ApplicationError` if no response may carry it.
 */
export class ResponseHeaders implements Iterable<Header> {
  #headers: Header[];

  /** Throws a `TypeError` when `headers` is not an array. */
  constructor(headers: Header[] = []) {
    if (!Array.isArray(headers)) throw new TypeError('Headers must be an array of [name, value] pairs; make it [...headers]');
    headers.forEach(checkHeader);
    this.#headers = headers;
  }

  /** How many headers there are, each repetition counted. */
  get length(): number {
    return this.#headers.length;
  }

  /** Returns the first value of `name`, or `otherwise`. */
  get(name: string): string | undefined;
  get<Otherwise>(name: string, otherwise: Otherwise): string | Otherwise;
  get(name: string, otherwise?: unknown): unknown {
    return this.#headers.find(isNamed(name))?.[1] ?? otherwise;
  }

  /** Returns all values of `name`, in order. */
  getAll(name: string): string[] {
    return this.#headers.filter(isNamed(name)).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#headers.some(isNamed(name));
  }

  /** Puts the header at the end, in the place of all others of that name. */
  set(name: string, value: string): void {
    checkHeader([name, value]);
    this.delete(name);
    this.#headers.push([name, value]);
  }

  /** Adds the header unless there is one of that name; returns the value that stands. */
  setDefault(name: string, value: string): string {
    const existing = this.get(name);
    if (existing !== undefined) return existing;
    this.append(name, value);
    return value;
  }

  /** Adds a header beside others of that name, as Set-Cookie needs it. */
  append(name: string, value: string): void {
    checkHeader([name, value]);
    this.#headers.push([name, value]);
  }

  /**
   * Adds a header with parameters: `addHeader('Content-Disposition', 'attachment', { filename: 'a b.txt' })`
   * gives `attachment; filename="a b.txt"`. "_" in a parameter's name becomes "-". A parameter of text
   * beyond ISO-8859-1 is encoded as RFC 8187 says. `value` may be null: then there are parameters alone.
   */
  addHeader(name: string, value: string | null, parameters: HeaderParameters = {}): void {
    const parts = value === null ? [] : [value];
    for (const [key, text] of Object.entries(parameters)) parts.push(parameter(key.replaceAll('_', '-'), text));
    this.append(name, parts.join('; '));
  }

  /** Removes every header of that name; none there is no error. */
  delete(name: string): void {
    const others = this.#headers.filter((header) => !isNamed(name)(header));
    this.#headers.splice(0, this.#headers.length, ...others);
  }

  /** Names as they were given, with repetitions. */
  keys(): string[] {
    return this.#headers.map(([name]) => name);
  }

  values(): string[] {
    return this.#headers.map(([, value]) => value);
  }

  /** Returns a copy of the list. */
  items(): Header[] {
    return this.#headers.map(([name, value]) => [name, value]);
  }

  [Symbol.iterator](): Iterator<Header> {
    return this.items().values();
  }

  /** Returns the headers as they go over the wire, the empty line at the end included. */
  toString(): string {
    return `${this.#headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  }

  /** Returns the same as bytes. */
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
  if (/[^\0-\xff]/.test(text)) return `${name}*=UTF-8''${encodeURIComponent(text).replace(/['()*]/g, percent)}`;
  return `${name}="${text.replace(/["\\]/g, '\\$&')}"`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
