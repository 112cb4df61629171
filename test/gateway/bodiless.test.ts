// Responses that have no body: to HEAD, and with 204, 205 and 304.

import { describe, expect, test } from 'vitest';
import { answering, closable, response, run } from '../fakes.ts';

type Start = (status: unknown, headers: unknown, excInfo?: unknown) => (block: unknown) => void;

describe('PEP 3333 #74: responses without a body', () => {
  test.each<[string, string, [string, string][], unknown, string[]]>([
    ['RFC 3875 #12: HEAD', '200 OK', [], ['hello'], ['Content-Length: 5']],
    ['HEAD with a length', '200 OK', [['Content-Length', '7']], [], ['Content-Length: 7']],
    ['HEAD of an application that left the body out itself', '200 OK', [], [], []],
  ])('%s sends the head that GET would have', async (_what, status, headers, body, sent) => {
    const { output, errors } = await run(answering(body, headers, status), { method: 'HEAD' });
    expect(output).toBe(response(status, sent));
    expect(errors).toBe('');
  });

  test.each<[string, [string, string][], string[]]>([
    ['204 No Content', [['Content-Length', '5']], []],
    ['205 Reset Content', [], ['Content-Length: 0']],
    ['205 Reset Content', [['Content-Length', '5']], ['Content-Length: 0']],
    [
      '304 Not Modified',
      [
        ['Content-Length', '5'],
        ['ETag', '"a"'],
      ],
      ['Content-Length: 5', 'ETag: "a"'],
    ],
    ['304 Not Modified', [], []],
  ])('%s drops its body, with %j', async (status, headers, sent) => {
    for (const body of [['hello'], [], ['a', 'b']]) {
      const { output } = await run(answering(body, headers, status));
      expect(output).toBe(response(status, sent));
    }
  });

  test('HEAD asks an endless body for one block only, and closes it', async () => {
    let asked = 0;
    const body = closable({
      *[Symbol.iterator]() {
        for (;;) yield `${asked++}`;
      },
    });
    const { output } = await run(answering(body), { method: 'HEAD' });
    expect(output).toBe(response('200 OK', []));
    expect([asked, body.closed]).toEqual([1, 1]);
  });

  test('write() on HEAD sends the head once', async () => {
    const { output } = await run(
      (_environ: unknown, start: Start) => {
        const write = start('200 OK', []);
        write('a');
        write('b');
        return null;
      },
      { method: 'HEAD' },
    );
    expect(output).toBe(response('200 OK', []));
  });

  test('a failure on HEAD has no body, either', async () => {
    const { output } = await run(
      () => {
        throw new Error('x');
      },
      { method: 'HEAD' },
    );
    expect(output).toBe(response('500 Internal Server Error', ['Content-Type: text/plain', 'Content-Length: 26']));
  });
});
