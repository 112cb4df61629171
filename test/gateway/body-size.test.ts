// Content-Length of a response: the one that the gateway adds, and the one that the application breaks.

import { describe, expect, test } from 'vitest';
import { answering, response, run } from '../fakes.ts';

type Start = (status: unknown, headers: unknown, excInfo?: unknown) => (block: unknown) => void;

describe('Content-Length', () => {
  const inferred: [string, () => unknown, string][] = [
    ['PEP 3333 #62, #72: an array of one', () => ['äö'], '4'],
    ['a string', () => 'äö', '4'],
    ['bytes', () => new Uint8Array([1, 2, 3]), '3'],
    ['PEP 3333 #65: no block at all', () => [], '0'],
    ['null', () => null, '0'],
    ['undefined', () => undefined, '0'],
    ['an empty string', () => '', '0'],
    ['an array of one empty block', () => [''], '0'],
    ['an iterator that ends without a block', () => (function* () {})(), '0'],
  ];
  test.each(inferred)('is inferred from %s', async (_what, body, length) => {
    const { output } = await run(answering(body()));
    expect(output).toMatch(new RegExp(`^Status: 200 OK\r\nContent-Length: ${length}\r\n\r\n`));
  });

  test.each<[string, () => unknown, string]>([
    ['an array of two', () => ['a', 'b'], 'ab'],
    [
      'a generator of one',
      () =>
        (function* () {
          yield 'a';
        })(),
      'a',
    ],
    ['an array of one after write()', () => ['b'], 'ab'],
  ])('is not inferred from %s', async (what, body, sent) => {
    const { output } = await run((_environ: unknown, start: Start) => {
      const write = start('200 OK', []);
      if (what.endsWith('write()')) write('a');
      return body();
    });
    expect(output).toBe(response('200 OK', [], sent));
  });

  test('PEP 3333 #68, #69: the gateway neither sends nor asks for more than Content-Length', async () => {
    let asked = 0;
    const { output, errors } = await run(
      answering(
        (function* () {
          for (;;) {
            asked++;
            yield 'abc';
          }
        })(),
        [['Content-Length', '6']],
      ),
    );
    expect(output).toBe(response('200 OK', ['Content-Length: 6'], 'abcabc'));
    expect(asked).toBe(2);
    expect(errors).toBe('');
  });

  test.each<[string, unknown]>([
    ['in the first block', ['abcdef']],
    ['in a later block', ['ab', 'cdef']],
    ['in bytes', [new Uint8Array([97, 98, 99, 100])]],
  ])('PEP 3333 #68: what exceeds it %s is dropped and logged', async (_where, body) => {
    const { output, errors } = await run(answering(body, [['content-length', '3']]));
    expect(output).toBe(response('200 OK', ['content-length: 3'], 'abc'));
    expect(errors).toContain('[body-too-long] ApplicationError: The body is longer than its Content-Length of 3; the rest is dropped');
  });

  test('PEP 3333 #70: write() beyond Content-Length sends the bytes that fit, and throws', async () => {
    const thrown: unknown[] = [];
    const { output } = await run((_environ: unknown, start: Start) => {
      const write = start('200 OK', [['Content-Length', '3']]);
      for (const block of ['abc', 'd', 'e']) {
        try {
          write(block);
        } catch (error) {
          thrown.push((error as { code: string }).code);
        }
      }
      return [];
    });
    expect(output).toBe(response('200 OK', ['Content-Length: 3'], 'abc'));
    expect(thrown).toEqual(['body-too-long', 'body-too-long']);
  });

  test('Content-Length: 0 with a body sends the head alone', async () => {
    const { output, errors } = await run(answering('abc', [['Content-Length', '0']]));
    expect(output).toBe(response('200 OK', ['Content-Length: 0']));
    expect(errors).toContain('[body-too-long]');
  });

  test('PEP 3333 #71: a body shorter than Content-Length is logged', async () => {
    const { output, errors } = await run(answering('ab', [['Content-Length', '3']]));
    expect(output).toBe(response('200 OK', ['Content-Length: 3'], 'ab'));
    expect(errors).toContain('[body-too-short] ApplicationError: The body ended after 2 of 3 bytes of its Content-Length');
  });
});
