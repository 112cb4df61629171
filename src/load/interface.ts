// Tells of which kind an application is, mostly by its methods and parameters.

import { isClass } from '../gateway/application.ts';
import { show } from '../show.ts';
import { UserError } from './user-error.ts';

/** "wsgi" is PEP 3333, "fetch" a handler from Request to Response, "node" a listener of node:http. */
export type Interface = 'wsgi' | 'fetch' | 'node';

const INTERFACES: readonly Interface[] = ['wsgi', 'fetch', 'node'];

/** Returns the kind of `value`; undefined when it is no application. */
export function interfaceOf(value: unknown): Interface | undefined {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return undefined;
  const has = (name: string) => typeof Reflect.get(value, name) === 'function';
  // Hono, Elysia, export default { fetch }
  if (has('fetch')) return 'fetch';
  // Koa; Fastify; Express and Connect; http.Server
  if (
    (has('callback') && has('use')) ||
    (has('routing') && has('ready')) ||
    (has('handle') && has('use')) ||
    (has('listen') && has('emit'))
  ) {
    return 'node';
  }
  if (typeof value !== 'function') return has('call') ? 'wsgi' : undefined;
  if (isOfH3(value)) return undefined;
  if (isClass(value)) return 'wsgi';
  const { first = '', second, hasMore } = parametersOf(value);
  if (/^_?req(?:uest)?$/i.test(first)) return second !== undefined && /^_?res(?:p|ponse)?$/i.test(second) ? 'node' : 'fetch';
  // A PEP 3333 application has two parameters, (environ, startResponse). A function with fewer can only return a Response.
  return value.length < 2 && second === undefined && !hasMore ? 'fetch' : 'wsgi';
}

/** Whether `value` is an event handler, an application or a router of h3 1, none of which is an application here. h3 2 has a method fetch. */
export function isOfH3(value: unknown): boolean {
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return false;
  return Reflect.get(value, '__is_handler__') === true || ('use' in value && 'handler' in value && isOfH3(value.handler));
}

/** Returns the words for a kind in messages. */
export function describeInterface(kind: Interface): string {
  return { wsgi: 'a PEP 3333 application', fetch: 'a Fetch handler', node: 'a Node listener' }[kind];
}

interface Parameters {
  /** The names of the first two parameters; undefined for one that is missing or destructured. */
  first: string | undefined;
  second: string | undefined;
  /** Whether the function has a rest parameter. */
  hasMore: boolean;
}

function parametersOf(callable: object): Parameters {
  const source = Function.prototype.toString.call(callable).slice(0, 500);
  const [, list = '', single = ''] = /^[^(=]*\(([^)]*)\)|^(?:async\s+)?([\w$]+)\s*=>/.exec(source) ?? [];
  // Astro hides its parameters from Express: (...args) => { const [req, res, next] = args
  const [, , taken] = /^[^(=]*\(\s*\.\.\.([\w$]+)\s*\)[^[\]]*\[([^[\]]*)\]\s*=\s*\1\b/.exec(source) ?? [];
  const names = (taken ?? (list || single)).split(',').map((name) => name.replace(/=.*$/s, '').trim());
  const [first, second] = names.map((name) => (/^[\w$]+$/.test(name) ? name : undefined));
  return { first, second, hasMore: list.includes('...') };
}

/** Returns the kind called `name`; undefined for no name or an empty one. Throws a `UserError` for an unknown name. */
export function toInterface(name: string | undefined): Interface | undefined {
  const kind = INTERFACES.find((one) => one === name);
  if (!name || kind) return kind;
  throw new UserError('option-wrong', `The interface must be one of ${INTERFACES.join(', ')}, got ${show(name)}`);
}
