// An esbuild plugin: a built script loads heavy modules of Node when it first uses something of them, not when it requires
// them. Each takes milliseconds to load, and most requests use none of them.

import type { Plugin } from 'esbuild';

/** Modules that take milliseconds to load. All of them but "assert" export plain objects. */
const HEAVY = [
  'assert',
  'child_process',
  'cluster',
  'crypto',
  'dgram',
  'dns',
  'http2',
  'https',
  'inspector',
  'os',
  'readline',
  'tls',
  'tty',
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

/** Properties that do without the module, as long as it is not loaded: statements that return the value of `name`. */
const WITHOUT_LOADING: Readonly<Record<string, string>> = {
  // Packages that print colors ask at once. Only a character device can be a terminal.
  tty: `if (name === "isatty") return (fd) => {
    try {
      if (typeof fd === "number" && !process.getBuiltinModule("fs").fstatSync(fd).isCharacterDevice()) return false;
    } catch {}
    return load().isatty(fd);
  };`,
};

/** Returns the source of a module that stands for the built-in module `name`. */
function lazyModule(name: string): string {
  return `let loaded;
const load = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(name)}));
module.exports = new Proxy(${name === 'assert' ? '() => {}' : '{}'}, {
  // A function only in "assert", which has nothing to do for a value that is true.
  apply: (_target, self, args) => (args[0] ? undefined : Reflect.apply(load(), self, args)),
  get(_target, name) {
    if (!loaded) { ${WITHOUT_LOADING[name] ?? ''} }
    return load()[name];
  },
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
