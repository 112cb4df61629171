import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const src = fileURLToPath(new URL('src/', import.meta.url));

/** Tests that run alike whatever Node they run on: of executables that have a runtime in them, and of doctor under real web servers. */
const ONCE = [
  ...['test/build/standalone/**', 'test/servers/standalone-{bun,node}.test.ts'],
  ...['test/doctor/servers.test.ts', 'test/doctor/configurations.test.ts', 'test/doctor/page.test.ts'],
];

/** Tests against real web servers: they need Debian's packages, and root. */
const SERVERS = [
  'test/applications/**',
  'test/machines/**',
  'test/servers/**',
  'test/*/storm.test.ts',
  'test/doctor/{configurations,page,servers}.test.ts',
];

/** Tests that take long, since they build, install or start many processes, or that need Debian's interpreters and tools. */
const PROCESSES = [
  ...['test/build/**', 'test/cgi/**', 'test/doctor/**', 'test/faults/**', 'test/host/**', 'test/warm/**', 'test/workers/**'],
  ...['test/docs.test.ts', 'test/package.test.ts', 'test/cli/{curl,listen}.test.ts', 'test/fastcgi/spawn-fcgi.test.ts'],
  ...['test/fetch/applications.test.ts', 'test/middleware/limit-rate-processes.test.ts', 'test/resident/{memory,run,socket-path}.test.ts'],
];

/** The tests of one group; they are run by `vitest --project <name>`. */
function group(name: string, include: string[], exclude: string[] = []) {
  return { extends: true as const, test: { name, include: include.map(toTests), exclude: [...configDefaults.exclude, ...exclude] } };
}

function toTests(glob: string): string {
  return glob.replace(/\*\*$/, '**/*.test.ts');
}

export default defineConfig({
  resolve: {
    alias: [
      { find: /^run-with-cgi$/, replacement: `${src}index.ts` },
      { find: /^run-with-cgi\/(headers|util)$/, replacement: `${src}$1.ts` },
      { find: /^run-with-cgi\/(\w+)$/, replacement: `${src}$1/index.ts` },
    ],
  },
  test: {
    projects: [
      group('quick', ['test/**'], [...ONCE, ...SERVERS, ...PROCESSES]),
      group('processes', PROCESSES, [...ONCE, ...SERVERS]),
      group('servers', SERVERS, ONCE),
      group('once', ONCE),
    ],
    // More than twice as many as processors: most tests wait for a process or a clock.
    maxWorkers: 2 * availableParallelism() + 1,
    testTimeout: 30_000,
    // A test that compares nothing cannot fail.
    expect: { requireAssertions: true },
    coverage: {
      provider: 'v8',
      include: ['src/gateway/**', 'src/environ/**'],
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
