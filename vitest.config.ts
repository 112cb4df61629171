import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = fileURLToPath(new URL('src/', import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^run-with-cgi$/, replacement: `${src}index.ts` },
      { find: /^run-with-cgi\/(headers|util)$/, replacement: `${src}$1.ts` },
      { find: /^run-with-cgi\/(\w+)$/, replacement: `${src}$1/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['src/gateway/**', 'src/environ/**'],
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
