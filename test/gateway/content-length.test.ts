// Content-Length in the head of a response.

import { expect, test } from 'vitest';
import { contentLength, isContentLength } from '../../src/gateway/content-length.ts';
import type { Header } from '../../src/types.ts';

test.each<[Header, boolean]>([
  [['Content-Length', '5'], true],
  [['CONTENT-length', '5'], true],
  [['Content-Lengt', '5'], false],
  [['Content-Length2', '5'], false],
  [['Content_Length', '5'], false],
])('whether %j is Content-Length: %j', (header, expected) => {
  expect(isContentLength(header)).toBe(expected);
});

test.each<[Header[], number]>([
  [[], Infinity],
  [[['Content-Type', 'text/plain']], Infinity],
  [
    [
      ['Content-Type', 'text/plain'],
      ['content-length', '17'],
    ],
    17,
  ],
])('%j promises %d bytes', (headers, expected) => {
  expect(contentLength(headers)).toBe(expected);
});
