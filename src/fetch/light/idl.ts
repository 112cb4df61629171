// What the Web IDL asks of every class of the platform: how values are converted, and what properties look like.

import type { InspectOptions } from 'node:util';

/** Converts to a string of bytes. https://webidl.spec.whatwg.org/#es-ByteString */
export function toByteString(value: unknown): string {
  const text = `${value as string}`;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 255)
      throw new TypeError(
        `Cannot convert argument to a ByteString because the character at index ${at} has a value of ${code} which is greater than 255.`,
      );
  }
  return text;
}

/** Throws a `TypeError` unless there are at least `wanted` arguments. */
export function need(count: number, wanted: number, what: string): void {
  if (count < wanted) throw new TypeError(`${what}: ${wanted} argument${wanted === 1 ? '' : 's'} required, but only ${count} present.`);
}

/** Returns `value`, or `otherwise` where it is undefined; throws a `TypeError` unless it is one of `choices`. */
export function oneOf<Choice extends string>(value: unknown, choices: readonly Choice[], otherwise: Choice, what: string): Choice {
  if (value === undefined) return otherwise;
  const text = `${value as string}`;
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new TypeError(`${what} is not one of ${choices.join(', ')}: ${text}`);
  return choice;
}

/** The kind of a platform object, without a look at a global that would have to be loaded for it. */
export function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value).slice(8, -1) : '';
}

/** An optional dictionary. */
export function toDictionary(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError(`${what} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

/** Members of a platform class are enumerable, and its name stands on it and on the prototype, whatever a bundler makes of it. */
export function expose(platformClass: { prototype: object }, name: string, statics: readonly string[] = []): void {
  const { prototype } = platformClass;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== 'constructor') Object.defineProperty(prototype, member, { enumerable: true });
  }
  for (const member of statics) Object.defineProperty(platformClass, member, { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(platformClass, 'name', { value: name, configurable: true });
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** In a log, an object of a platform class shows its attributes, as Node's own do. */
export function showInLogs(prototype: object, name: string, attributes: readonly string[]): void {
  const show = function (this: object, _depth: number, options: InspectOptions): string {
    const { formatWithOptions } = process.getBuiltinModule('node:util');
    if (options.depth === null) options.depth = 2;
    return `${name} ${formatWithOptions(options, Object.fromEntries(attributes.map((attribute) => [attribute, Reflect.get(this, attribute)])))}`;
  };
  Object.defineProperty(prototype, INSPECT, { value: show, writable: true, configurable: true });
}
