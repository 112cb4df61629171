// Node's own Request, Response, Headers and fetch. They take as long to load as Node itself, so they are loaded when needed.

type Names = 'Request' | 'Response' | 'Headers' | 'fetch';

/** Returns Node's own. The name is a variable because the bundler replaces the plain names by the light classes. */
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

/** Whether `value` is of Node's own class. The class is loaded only for a value that has its name. */
export function isNative(name: 'Request' | 'Response' | 'Headers', value: object): boolean {
  return Object.prototype.toString.call(value) === `[object ${name}]` && value instanceof native(name);
}
