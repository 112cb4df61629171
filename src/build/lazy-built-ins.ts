// An esbuild plugin: a built script loads heavy modules of Node when it first uses something of them, not when it requires
// them. Each takes milliseconds to load, and most requests use none of them.

import type { Plugin } from 'esbuild';

/** Modules that take milliseconds to load. All of them export plain objects. */
const HEAVY = [
  'child_process',
  'cluster',
  'crypto',
  'dgram',
  'dns',
  'http2',
  'https',
  'inspector',
  'readline',
  'tls',
  'worker_threads',
  'zlib',
];

export const lazyBuiltIns: Plugin = {
  name: 'lazy built-in modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:node:)?(?:${HEAVY.join('|')})$`) }, ({ path }) => ({
      path: path.replace('node:', ''),
      namespace: 'lazy',
    }));
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: lazyModule(path), loader: 'js' }));
  },
};

/** Returns the source of a module that stands for the built-in module `name`. */
function lazyModule(name: string): string {
  return `let loaded;
const load = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(name)}));
module.exports = new Proxy({}, {
  get: (_target, name) => load()[name],
  set: (_target, name, value) => Reflect.set(load(), name, value),
  has: (_target, name) => name in load(),
  ownKeys: () => Reflect.ownKeys(load()),
  getOwnPropertyDescriptor(_target, name) {
    const descriptor = Reflect.getOwnPropertyDescriptor(load(), name);
    return descriptor && { ...descriptor, configurable: true };
  },
});
`;
}
