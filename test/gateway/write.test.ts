// write(): blocks that are sent before the application returns.

import { describe, expect, test } from 'vitest';
import { response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: unknown, headers: unknown, excInfo?: unknown) => (block: unknown) => void;

describe('write()', () => {
  test.each<[string, unknown]>([
    ['a body', 'body'],
    ['an iterated block', ['body']],
    ['no body', null],
  ])('PEP 3333 #57: %s before startResponse() is an error', async (_what, body) => {
    const { output, errors } = await run(() => body);
    expect(output).toBe(SERVER_ERROR);
    const message = 'write() before startResponse(); the application sent its body, or ended, without having called it';
    expect(errors).toContain(`[write-before-start-response] ApplicationError: ${message}\n`);
  });

  test('PEP 3333 #58: its blocks come before those of the body', async () => {
    const { writes } = await run((_environ: unknown, start: Start) => {
      const write = start('200 OK', []);
      write('a');
      write('');
      write(new Uint8Array([98]));
      return ['c', 'd'];
    });
    expect(writes).toEqual([response('200 OK', [], 'a'), 'b', 'c', 'd']);
  });

  test('PEP 3333 #67: takes bytes and text only', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [])(5);
      return null;
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain('[block-not-bytes] ApplicationError: A block must be a Uint8Array or a string, got 5');
  });
});
