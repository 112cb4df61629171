// Modules of Node that take milliseconds to load, and that most requests do without: in a bundle each is loaded when
// something of it is asked for, and not when it is required.

import type { Plugin } from 'esbuild';

/** They all export plain objects. */
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
  name: 'built-in modules when needed',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:node:)?(?:${HEAVY.join('|')})$`) }, ({ path }) => ({
      path: path.replace('node:', ''),
      namespace: 'lazy',
    }));
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: lazily(path), loader: 'js' }));
  },
};

function lazily(name: string): string {
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
