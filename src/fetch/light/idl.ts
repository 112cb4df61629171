// Web IDL for the light classes: converts arguments and defines properties as every class of a platform does.

import type { InspectOptions } from 'node:util';

/** Returns `value` as a byte string. Throws a `TypeError` for other characters. https://webidl.spec.whatwg.org/#es-ByteString */
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

/** Throws a `TypeError` unless a call of `what` has at least `required` arguments. */
export function requireArguments(count: number, required: number, what: string): void {
  if (count < required)
    throw new TypeError(`${what}: ${required} argument${required === 1 ? '' : 's'} required, but only ${count} present.`);
}

/** Returns `value` as one of `choices`; `fallback` if it is undefined. Throws a `TypeError` if it is none of them. */
export function toEnum<Choice extends string>(value: unknown, choices: readonly Choice[], fallback: Choice, what: string): Choice {
  if (value === undefined) return fallback;
  const text = `${value as string}`;
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new TypeError(`${what} is not one of ${choices.join(', ')}: ${text}`);
  return choice;
}

/** Returns the name of a platform object's class, without loading the class. */
export function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value).slice(8, -1) : '';
}

/** Returns an optional dictionary. Throws a `TypeError` if `value` is no object. */
export function toDictionary(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError(`${what} must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

/** Makes the members of a platform class enumerable, and sets its name, which a bundler may have changed. */
export function definePlatformClass(platformClass: { prototype: object }, name: string, statics: readonly string[] = []): void {
  const { prototype } = platformClass;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== 'constructor') Object.defineProperty(prototype, member, { enumerable: true });
  }
  for (const member of statics) Object.defineProperty(platformClass, member, { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(platformClass, 'name', { value: name, configurable: true });
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Makes console.log() show the attributes of objects of a platform class, as those of Node's own. */
export function showInLogs(prototype: object, name: string, attributes: readonly string[]): void {
  const show = function (this: object, _depth: number, options: InspectOptions): string {
    const { formatWithOptions } = process.getBuiltinModule('node:util');
    if (options.depth === null) options.depth = 2;
    return `${name} ${formatWithOptions(options, Object.fromEntries(attributes.map((attribute) => [attribute, Reflect.get(this, attribute)])))}`;
  };
  Object.defineProperty(prototype, INSPECT, { value: show, writable: true, configurable: true });
}
