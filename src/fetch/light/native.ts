// Node's own classes, which take as long to load as Node itself: for what needs them, when it needs them.

type Names = 'Request' | 'Response' | 'Headers' | 'fetch';

/** By a variable: the bundler puts the light classes in the place of these names. */
function native<Name extends Names>(name: Name): (typeof globalThis)[Name] {
  return globalThis[name];
}

export function nativeResponse(): typeof Response {
  return native('Response');
}

export function nativeRequest(): typeof Request {
  return native('Request');
}

export function nativeFetch(): typeof fetch {
  return native('fetch');
}

/** Whether `value` is one of Node's own; they are loaded only where something calls itself so. */
export function isNative(name: 'Request' | 'Response' | 'Headers', value: object): boolean {
  return Object.prototype.toString.call(value) === `[object ${name}]` && value instanceof native(name);
}
