// Whether no case of Python's own tests of wsgiref is forgotten.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Every test method of CPython 3.13's Lib/test/test_wsgiref.py. */
const CASES = `
  test_plain_hello test_environ test_request_length test_validated_hello test_simple_validation_error
  test_status_validation_errors test_wsgi_input test_bytes_validation test_cp1252_url test_interrupted_write
  testSimpleShifts testNormalizedShifts testDefaults testCrossDefaults testGuessScheme testAppURIs testReqURIs
  testFileWrapper testHopByHop testMappingInterface testRequireList testExtras testEnviron testCGIEnviron testScheme
  testAbstractMethods testContentLength testBasicErrorOutput testErrorAfterOutput testHeaderFormats testBytesData
  testCloseOnError testPartialWrite testClientConnectionTerminations testDontResetInternalStateOnException`
  .trim()
  .split(/\s+/);

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const tests = ['util.test.ts', 'headers.test.ts', 'gateway/wsgiref.test.ts', 'server/wsgiref.test.ts'].map(read).join('\n');
const [, excuses = ''] = /why it cannot apply \|\n([\s\S]*?)\n\n/.exec(read('../docs/wsgiref.md')) ?? [];

test.each(CASES)('%s has an equivalent, or a reason', (name) => {
  expect(new RegExp(`\\b${name}\\b`).test(tests) || excuses.includes(`\`${name}\``)).toBe(true);
});
