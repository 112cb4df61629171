// startResponse(): when the head is sent, and what a second call does.

import { describe, expect, test } from 'vitest';
import type { Write } from '../../src/types.ts';
import { response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: unknown, headers: unknown, excInfo?: unknown) => (block: unknown) => void;

const TEXT = [['Content-Type', 'text/plain']];

describe('startResponse()', () => {
  test('PEP 3333 #39: is called by position and returns write()', async () => {
    const { output } = await run((_environ: unknown, start: Start) => {
      start('200 OK', TEXT)('by write()\n');
      return [];
    });
    expect(output).toBe(response('200 OK', ['Content-Type: text/plain'], 'by write()\n'));
  });

  test('PEP 3333 #40, #41, #64: the head waits for the first block that is not empty, and leaves with it in one piece', async () => {
    const seen: number[] = [];
    const { writes } = await run((_environ: unknown, start: Start) => {
      start('200 OK', TEXT);
      return (function* () {
        yield '';
        seen.push(1);
        yield new Uint8Array();
        yield 'first';
        yield '';
        yield 'second';
      })();
    });
    expect(writes).toEqual([response('200 OK', ['Content-Type: text/plain'], 'first'), 'second']);
    expect(seen).toEqual([1]);
  });

  test('write.flushHeaders(), a departure from PEP 3333 #41, sends the head alone and once', async () => {
    const seen: number[] = [];
    const { writes } = await run((_environ: unknown, start: Start) => {
      const write = start('200 OK', TEXT) as Write;
      return (async function* () {
        for (let count = 0; count < 3; count++) {
          await write.flushHeaders?.();
          seen.push(count);
          yield `${count}`;
        }
      })();
    });
    expect(writes).toEqual([response('200 OK', ['Content-Type: text/plain']), '0', '1', '2']);
    expect(seen).toEqual([0, 1, 2]);
  });

  test.each<[string, string, string[], string, string]>([
    ['nothing follows', 'GET', [], '', ''],
    ['a length is announced', 'GET', ['Content-Length: 3'], 'abc', 'abc'],
    ['HEAD', 'HEAD', ['Content-Length: 3'], 'abc', ''],
    ['HEAD without a length', 'HEAD', [], 'abc', ''],
  ])('write.flushHeaders() where %s', async (_what, method, lines, given, sent) => {
    const application = (_environ: unknown, start: Start) => {
      const write = start('200 OK', [...lines.map((line) => line.split(': '))]) as Write;
      void write.flushHeaders?.();
      return given;
    };
    const { writes, errors } = await run(application, { method });
    expect([writes.join(''), errors]).toEqual([response('200 OK', lines, sent), '']);
  });

  test('after write.flushHeaders() the head cannot be replaced, and a failure ends the response short', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      void (start('200 OK', TEXT) as Write).flushHeaders?.();
      start('500 Oops', TEXT, new Error('the cause'));
      return 'never';
    });
    expect([output, errors]).toEqual([response('200 OK', ['Content-Type: text/plain']), expect.stringContaining('Error: the cause')]);
  });

  test('write.flushHeaders() of a head that was refused, or when the response has ended, throws', async () => {
    let late: Write | undefined;
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      late = start('200 OK', []) as Write;
      try {
        start('nonsense', [], new Error());
      } catch {}
      return late.flushHeaders?.();
    });
    expect([output, errors]).toEqual([SERVER_ERROR, expect.stringContaining('[write-before-start-response]')]);
    expect(() => late?.flushHeaders?.()).toThrow('write.flushHeaders() after the response has ended');
  });

  test('PEP 3333 #44: a second call without excInfo is an error, answered with 500', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', []);
      start('201 Created', []);
      return 'never sent';
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toMatch(
      /^cgi: \[start-response-twice\] ApplicationError: startResponse\(\) called twice; a second call needs excInfo\n/,
    );
  });

  test('PEP 3333 #45: with excInfo it replaces what has not been sent', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [['X-Old', 'gone']]);
      start('503 Service Unavailable', TEXT, new Error('cause'));
      return 'sorry\n';
    });
    expect(output).toBe(response('503 Service Unavailable', ['Content-Type: text/plain', 'Content-Length: 6'], 'sorry\n'));
    expect(errors).toBe('');
  });

  test('PEP 3333 #46: with excInfo after the head has left it throws excInfo itself, and nothing is appended (#76)', async () => {
    const cause = new Error('the cause');
    let thrown: unknown;
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', TEXT);
      return (function* () {
        yield 'half a page\n';
        try {
          start('500 Oops', TEXT, cause);
        } catch (error) {
          thrown = error;
          throw error;
        }
      })();
    });
    expect(thrown).toBe(cause);
    expect(output).toBe(response('200 OK', ['Content-Type: text/plain'], 'half a page\n'));
    expect(errors).toContain('Error: the cause');
  });

  test('PEP 3333 #43: a first call that failed its checks is a call', async () => {
    const codes: unknown[] = [];
    await run((_environ: unknown, start: Start) => {
      for (const status of ['nonsense', '200 OK']) {
        try {
          start(status, []);
        } catch (error) {
          codes.push((error as { code: string }).code);
        }
      }
      return null;
    });
    expect(codes).toEqual(['status-malformed', 'start-response-twice']);
  });

  test('neither a call that failed its checks is sent, nor the call that it was to replace', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [['X-Old', 'a']]);
      try {
        start('200 OK', [['Bad name', 'a']], new Error());
      } catch {}
      return 'body';
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain(
      '[write-before-start-response] ApplicationError: write() after a startResponse() that was refused; call it again, with excInfo\n',
    );
  });

  test('PEP 3333 #61: it may be called as late as by the first step of the iteration', async () => {
    const { output } = await run(function* (_environ: unknown, start: Start) {
      start('200 OK', TEXT);
      yield 'late\n';
    });
    expect(output).toBe(response('200 OK', ['Content-Type: text/plain'], 'late\n'));
  });

  test('PEP 3333 #49: the list of headers may change after the call without changing the response', async () => {
    const { output } = await run((_environ: unknown, start: Start) => {
      const headers = [['X-A', 'checked']];
      start('200 OK', headers);
      headers.push(['X-B', 'a\nb']);
      (headers[0] as string[])[1] = 'a\r\nInjected: 1';
      return 'x';
    });
    expect(output).toBe(response('200 OK', ['X-A: checked', 'Content-Length: 1'], 'x'));
  });

  test('startResponse() throws after the response has ended', async () => {
    let start!: Start;
    let write!: (block: unknown) => void;
    await run((_environ: unknown, startResponse: Start) => {
      start = startResponse;
      write = startResponse('200 OK', []);
      return null;
    });
    expect(() => start('200 OK', [])).toThrow(
      expect.objectContaining({ code: 'write-after-end', message: 'startResponse() after the response has ended' }),
    );
    expect(() => write('x')).toThrow(expect.objectContaining({ code: 'write-after-end', message: 'write() after the response has ended' }));
  });
});
