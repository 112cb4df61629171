// Vitest, as scripts/mutants runs it for each mutant: only the tests of the gateway that need no process and no socket.

import config from '../vitest.config.ts';

export default {
  resolve: config.resolve,
  test: {
    include: ['test/{environ,gateway,testing}/*.test.ts', 'test/{headers,util}.test.ts', 'test/fastcgi/records.test.ts'],
    exclude: ['test/gateway/{flush-headers,spool}.test.ts'], // they have sockets
    testTimeout: 30_000,
  },
};
