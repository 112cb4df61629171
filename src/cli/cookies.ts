// The cookies of `request -b` and `-c`: those of a jar, a file in the format of Netscape that curl reads and writes, and
// those that the responses of one command set. RFC 6265

import { existsSync } from 'node:fs';
import { encodeUtf8 } from '../environ/byte-string.ts';
import type { Header } from '../types.ts';
import { readText } from './request-body.ts';

interface Cookie {
  /** ".example.org" for all hosts below it. */
  domain: string;
  path: string;
  isSecure: boolean;
  isHttpOnly: boolean;
  /** In seconds since 1970; 0 for a cookie of the session. */
  expires: number;
  name: string;
  value: string;
}

const TITLE = '# Netscape HTTP Cookie File\n\n';
const HTTP_ONLY = '#HttpOnly_';

export class Cookies {
  #given: string[] = [];
  #kept: Cookie[] = [];
  #isKeeping: boolean;

  /**
   * `given` are the values of -b, each "name=value" or the name of a jar. Cookies of responses are kept if a jar is among
   * them, or if `hasJar`, the -c option, is set. Throws a `UserError` for a jar that cannot be read.
   */
  constructor(given: readonly string[], hasJar: boolean) {
    for (const one of given) {
      if (one.includes('=')) this.#given.push(encodeUtf8(one));
      // A jar that does not exist is no error: the first login makes it. curl's -b '' only asks that cookies are kept.
      else if (one === '-' || existsSync(one)) this.#kept.push(...readText(one, 'cookies').split(/\r?\n/).flatMap(parseLine));
    }
    this.#isKeeping = hasJar || given.length > this.#given.length;
  }

  /** Returns the value of the Cookie header for a request of `url`; undefined for none. */
  headerFor(url: URL): string | undefined {
    const fitting = this.#kept.filter((cookie) => isSentTo(cookie, url));
    const texts = [...fitting.map(({ name, value }) => `${name}=${value}`), ...this.#given];
    return texts.length > 0 ? texts.join('; ') : undefined;
  }

  /** Keeps the cookies that the response to a request of `url` sets. */
  keep(headers: readonly Header[], url: URL): void {
    if (!this.#isKeeping) return;
    for (const [name, value] of headers) {
      const cookie = name.toLowerCase() === 'set-cookie' ? parseHeader(value, url) : undefined;
      if (!cookie) continue;
      this.#kept = this.#kept.filter((one) => one.name !== cookie.name || one.domain !== cookie.domain || one.path !== cookie.path);
      if (isAlive(cookie)) this.#kept.push(cookie);
    }
  }

  /** Returns the text of the jar. */
  toJar(): string {
    const lines = this.#kept.filter(isAlive).map(({ domain, path, isSecure, isHttpOnly, expires, name, value }) => {
      const flag = (isSet: boolean) => (isSet ? 'TRUE' : 'FALSE');
      const fields = [domain, flag(domain.startsWith('.')), path, flag(isSecure), expires, name, value];
      return `${isHttpOnly ? HTTP_ONLY : ''}${fields.join('\t')}\n`;
    });
    return TITLE + lines.join('');
  }
}

function isAlive({ expires }: Cookie): boolean {
  return expires === 0 || expires * 1000 > Date.now();
}

/** Whether `cookie` is sent with a request of the URL. RFC 6265 §5.1.3, §5.1.4 */
function isSentTo(cookie: Cookie, { hostname, pathname, protocol }: URL): boolean {
  const { domain, path } = cookie;
  const isHost = domain.startsWith('.') ? `.${hostname}`.endsWith(domain) : hostname === domain;
  const isPath = pathname === path || (pathname.startsWith(path) && (path.endsWith('/') || pathname[path.length] === '/'));
  return isHost && isPath && isAlive(cookie) && (!cookie.isSecure || protocol === 'https:' || hostname === 'localhost');
}

/** Returns the cookie of a line of a jar, or none. */
function parseLine(line: string): Cookie[] {
  const isHttpOnly = line.startsWith(HTTP_ONLY);
  const [domain = '', isBelow, path = '/', isSecure, expires, name, value] = line.slice(isHttpOnly ? HTTP_ONLY.length : 0).split('\t');
  if (name === undefined || value === undefined || (line.startsWith('#') && !isHttpOnly)) return [];
  const wide = isBelow === 'TRUE' && !domain.startsWith('.') ? `.${domain}` : domain;
  return [{ domain: wide, path, isSecure: isSecure === 'TRUE', isHttpOnly, expires: Number(expires) || 0, name, value }];
}

/** Parses a Set-Cookie header of the response to a request of `url`; undefined for a malformed one and for one of a foreign domain. RFC 6265 §5.2, §5.3 */
function parseHeader(header: string, url: URL): Cookie | undefined {
  const [pair = '', ...rest] = header.split(';');
  const equals = pair.indexOf('=');
  if (equals < 1) return undefined;
  const attributes = new Map(rest.map((one) => splitAttribute(one)));
  const domain = attributes.get('domain')?.replace(/^\.?/, '.').toLowerCase();
  if (domain && !`.${url.hostname}`.endsWith(domain)) return undefined;
  const path = attributes.get('path');
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/';
  const age = attributes.get('max-age');
  const until = age !== undefined ? Date.now() + Number(age) * 1000 : Date.parse(attributes.get('expires') ?? '');
  return {
    domain: domain && domain !== '.' ? domain : url.hostname,
    path: path?.startsWith('/') ? path : folder,
    isSecure: attributes.has('secure'),
    isHttpOnly: attributes.has('httponly'),
    // At least 1, since 0 stands for a cookie of the session.
    expires: Number.isNaN(until) ? 0 : Math.max(1, Math.floor(until / 1000)),
    name: pair.slice(0, equals).trim(),
    value: pair.slice(equals + 1).trim(),
  };
}

function splitAttribute(text: string): [name: string, value: string] {
  const [name = '', ...value] = text.split('=');
  return [name.trim().toLowerCase(), value.join('=').trim()];
}
