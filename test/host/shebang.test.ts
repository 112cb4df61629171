import { expect, test } from 'vitest';
import { parseShebang } from '../../src/host/shebang.ts';

test.each([
  ['#!/bin/sh\n', ['/bin/sh'], 'sh'],
  ['#! /usr/bin/perl -T \nprint', ['/usr/bin/perl', '-T'], 'perl'],
  ['#!/usr/bin/env node\n', ['/usr/bin/env', 'node'], 'node'],
  ['#!/usr/bin/env -S A=b python3 -u\n', ['/usr/bin/env', '-S', 'A=b', 'python3', '-u'], 'python3'],
  ['#!/usr/bin/env -Sperl -T\n', ['/usr/bin/env', '-Sperl', '-T'], 'perl'],
  ['#!/opt/a\xa0b/sh', ['/opt/a\xa0b/sh'], 'sh'],
  ['#!/usr/bin/env\n', ['/usr/bin/env'], ''],
  ['#!\nnode', [], ''],
])('%j', (start, words, program) => {
  expect(parseShebang(start)).toEqual({ words, program, endsInCrlf: false });
});

test('a line that ends in CRLF', () => {
  expect(parseShebang('#!/bin/sh\r\necho')).toEqual({ words: ['/bin/sh'], program: 'sh', endsInCrlf: true });
});

test.each(['', 'node', ' #!/bin/sh', '\xef\xbb\xbf#!/bin/sh'])('%j is no #! line', (start) => {
  expect(parseShebang(start)).toBe(undefined);
});
