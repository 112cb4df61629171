import { describe, expect, test } from 'vitest';
import type { Write } from '../../src/types.ts';
import { answering, closable, response, run, SERVER_ERROR } from '../fakes.ts';

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

  test('PEP 3333 #46: with excInfo after the head has left it throws excInfo itself, and nothing is glued on (#76)', async () => {
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

  test('a call that failed its checks is not sent, neither what it was to replace', async () => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [['X-Old', 'a']]);
      try {
        start('200 OK', [['Bad name', 'a']], new Error());
      } catch {}
      return 'body';
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain('[write-before-start-response] ApplicationError: write() after a startResponse() that was refused');
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

  test('after the response has ended it throws', async () => {
    let start!: Start;
    let write!: (block: unknown) => void;
    await run((_environ: unknown, startResponse: Start) => {
      start = startResponse;
      write = startResponse('200 OK', []);
      return null;
    });
    expect(() => start('200 OK', [])).toThrow('startResponse() after the response has ended');
    expect(() => write('x')).toThrow('write() after the response has ended');
  });
});

describe('PEP 3333 #42: what startResponse() refuses, with a 500 for the client and a code for the log', () => {
  const rows: [why: string, status: unknown, headers: unknown, code: string, message: string][] = [
    ['PEP 3333 #48: no reason', '200', [], 'status-malformed', 'got "200"'],
    ['PEP 3333 #48: an empty reason', '200 ', [], 'status-malformed', 'got "200 "'],
    ['PEP 3333 #48: two spaces', '200  OK', [], 'status-malformed', 'one space'],
    ['PEP 3333 #48: outer whitespace', '200 OK ', [], 'status-malformed', 'got "200 OK "'],
    ['PEP 3333 #48: CR LF', '200 OK\r\nX: y', [], 'status-malformed', String.raw`"200 OK\r\nX: y"`],
    ['PEP 3333 #48: letters', 'abc OK', [], 'status-malformed', 'three digits'],
    ['PEP 3333 #52: U+0100', '200 Āha', [], 'status-malformed', 'ISO-8859-1'],
    ['a number', 200, [], 'status-malformed', 'got 200'],
    ['an interim status', '103 Early Hints', [], 'status-malformed', 'cannot be interim'],
    ['four digits', '2000 OK', [], 'status-malformed', 'three digits'],
    ['PEP 3333 #49: an object', '200 OK', { 'Content-Type': 'a/b' }, 'headers-not-a-list', 'got an object of Object'],
    ['PEP 3333 #49: a Map', '200 OK', new Map(), 'headers-not-a-list', 'make it [...headers]'],
    ['PEP 3333 #49: nothing', '200 OK', undefined, 'headers-not-a-list', 'got undefined'],
    ['PEP 3333 #49: a triple', '200 OK', [['a', 'b', 'c']], 'headers-not-a-list', 'got an array of 3'],
    ['PEP 3333 #49: a string', '200 OK', ['a: b'], 'headers-not-a-list', 'got "a: b"'],
    ['PEP 3333 #50: a colon', '200 OK', [['A:', 'b']], 'header-name', 'got "A:"'],
    ['PEP 3333 #50: a space', '200 OK', [['A b', 'c']], 'header-name', 'got "A b"'],
    ['PEP 3333 #50: empty', '200 OK', [['', 'c']], 'header-name', 'got ""'],
    ['PEP 3333 #50: no string', '200 OK', [[1, 'c']], 'header-name', 'got 1'],
    ['PEP 3333 #51: LF', '200 OK', [['A', 'b\nC: d']], 'header-value', String.raw`got "b\nC: d"`],
    ['PEP 3333 #51: a control character at the end', '200 OK', [['A', 'b\r']], 'header-value', 'control characters'],
    ['PEP 3333 #51: a tab', '200 OK', [['A', 'b\tc']], 'header-value', 'control characters'],
    ['PEP 3333 #51: DEL', '200 OK', [['A', '\x7f']], 'header-value', 'control characters'],
    ['PEP 3333 #52: U+0100', '200 OK', [['A', 'Ā']], 'header-value', 'must fit ISO-8859-1'],
    ['a value that is no string', '200 OK', [['A', 1]], 'header-value', 'must be a string, got 1'],
    ['a function', '200 OK', [['A', run]], 'header-value', 'got the function run'],
    ['a long value is shown in part', '200 OK', [['A', `\n${'x'.repeat(999)}`]], 'header-value', '…'],
    ['PEP 3333 #55: Connection', '200 OK', [['Connection', 'close']], 'header-hop-by-hop', '"Connection"'],
    ['PEP 3333 #55, #53: TRANSFER-ENCODING', '200 OK', [['TRANSFER-ENCODING', 'chunked']], 'header-hop-by-hop', 'leave the header out'],
    ['RFC 3875 #29: Keep-Alive', '200 OK', [['keep-alive', '1']], 'header-hop-by-hop', 'keep-alive'],
    ['Status as a header', '200 OK', [['status', '200 OK']], 'header-status', 'first argument'],
    [
      'RFC 3875 #23: Content-Type twice',
      '200 OK',
      [
        ['Content-Type', 'a/b'],
        ['content-type', 'c/d'],
      ],
      'header-duplicate',
      '"c/d"',
    ],
    [
      'RFC 3875 #23: Content-Length twice',
      '200 OK',
      [
        ['Content-Length', '1'],
        ['Content-Length', '1'],
      ],
      'header-duplicate',
      'only once',
    ],
    [
      'RFC 3875 #23: Location twice',
      '302 Found',
      [
        ['Location', '/'],
        ['Location', '/a'],
      ],
      'header-duplicate',
      '"/a"',
    ],
    ['Content-Length that is no number', '200 OK', [['Content-Length', '5x']], 'content-length-malformed', 'must be digits, got "5x"'],
    ['an empty Content-Length', '200 OK', [['Content-Length', '']], 'content-length-malformed', 'must be digits'],
  ];
  test.each(rows)('%s', async (_why, status, headers, code, message) => {
    const { output, errors } = await run((_environ: unknown, start: Start) => {
      start(status, headers);
      return 'never sent';
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors.split('\n')[0]).toMatch(new RegExp(`^cgi: \\[${code}\\] ApplicationError: `));
    expect(errors.split('\n')[0]).toContain(message);
  });

  const accepted: [string, string, [string, string][]][] = [
    ['a reason in ISO-8859-1', '200 Très bien', [['X-Name', 'Dürer']]],
    ['999', '999 Whatever', []],
    ['every token character', '200 OK', [["!#$%&'*+-.^_`|~09azAZ", '']]],
    ['RFC 3875 #27: an absolute Location', '302 Found', [['Location', 'mailto:a@b']]],
    ['RFC 9110 §10.2.2: a relative Location', '302 Found', [['Location', '../a%2Fb?c#d']]],
    ['one that is only a query', '303 See Other', [['Location', '?a']]],
    ['an empty one, which is the page itself', '303 See Other', [['Location', '']]],
    [
      'a header that is repeated',
      '200 OK',
      [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ],
    ],
  ];
  test.each(accepted)('but not %s', async (_what, status, headers) => {
    const { output } = await run(answering('x', headers, status));
    expect(output).toBe(response(status, [...headers.map(([name, value]) => `${name}: ${value}`), 'Content-Length: 1'], 'x'));
  });
});

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

  test('PEP 3333 #68, #69: no more is sent and no more is asked for than it says', async () => {
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

  test('PEP 3333 #70: write() past it throws after sending what fits', async () => {
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

  test('PEP 3333 #71: a body that ends before it is logged', async () => {
    const { output, errors } = await run(answering('ab', [['Content-Length', '3']]));
    expect(output).toBe(response('200 OK', ['Content-Length: 3'], 'ab'));
    expect(errors).toContain('[body-too-short] ApplicationError: The body ended after 2 of 3 bytes of its Content-Length');
  });
});

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

  test('a failure on HEAD has no body either', async () => {
    const { output } = await run(
      () => {
        throw new Error('x');
      },
      { method: 'HEAD' },
    );
    expect(output).toBe(response('500 Internal Server Error', ['Content-Type: text/plain', 'Content-Length: 26']));
  });
});

describe('write()', () => {
  test.each<[string, unknown]>([
    ['a body', 'body'],
    ['an iterated block', ['body']],
    ['no body', null],
  ])('PEP 3333 #57: %s before startResponse() is an error', async (_what, body) => {
    const { output, errors } = await run(() => body);
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain('[write-before-start-response] ApplicationError: write() before startResponse()');
  });

  test('PEP 3333 #58: what it sends comes before what is iterated', async () => {
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
