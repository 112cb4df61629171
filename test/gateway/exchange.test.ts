// What the exchange makes of the body that an application returns.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answering, response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: string, headers: [string, string][], excInfo?: unknown) => (block: unknown) => void;

describe('the body', () => {
  test.each<[string, () => unknown, string]>([
    ['a number', () => 5, '5'],
    ['a plain object', () => ({ body: 'x' }), 'an object of Object'],
    ['a symbol', () => Symbol('x'), 'Symbol(x)'],
  ])('%s is refused', async (_what, body, shown) => {
    const { output, errors } = await run(answering(body()));
    expect(output).toBe(SERVER_ERROR);
    const rule = 'An application must return a string, a Uint8Array or an iterable of them';
    expect(errors.split('\n')[0]).toBe(`cgi: [body-not-iterable] ApplicationError: ${rule}, got ${shown}`);
  });

  test('a lazy thenable, such as a query, is begun once', async () => {
    let begun = 0;
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: that is what the test is about
      then(resolve: (body: string) => void) {
        begun++;
        setTimeout(resolve, 1, 'row');
      },
    };
    const { output, errors } = await run(answering(query));
    expect([output, errors, begun]).toEqual([response('200 OK', ['Content-Length: 3'], 'row'), '', 1]);
  });

  test('PEP 3333 #67: a block that is neither bytes nor text ends the response', async () => {
    const { output, errors } = await run(answering(['fine', 5]));
    expect(output).toBe(response('200 OK', [], 'fine'));
    expect(errors).toContain('[block-not-bytes] ApplicationError: A block must be a Uint8Array or a string, got 5');
  });

  test('PEP 3333 #59: each block is handed on before the next is asked for', async () => {
    const events: string[] = [];
    await run(
      answering(
        (function* () {
          for (const block of ['a', 'b']) {
            events.push(`asked ${block}`);
            yield block;
          }
        })(),
      ),
      {
        options: {
          stdout: {
            write: async (bytes) => {
              await null;
              events.push(`sent ${Buffer.from(bytes).toString().slice(-1)}`);
            },
          },
        },
      },
    );
    expect(events).toEqual(['asked a', 'sent a', 'asked b', 'sent b']);
  });

  test('PEP 3333 #60: bytes pass unaltered', async () => {
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const { output } = await run(answering([every, every]));
    expect(output.slice('Status: 200 OK\r\n\r\n'.length)).toBe(Buffer.concat([every, every]).toString('latin1'));
  });

  test('a synchronous application is done when the call returns', () => {
    let output = '';
    void run(answering('x'), {
      options: {
        stdout: {
          write: (bytes: Uint8Array) => {
            output += Buffer.from(bytes);
          },
        },
      },
    });
    expect(output).toBe(response('200 OK', ['Content-Length: 1'], 'x'));
  });

  test('the same bytes come out of any cutting of a body into blocks, kinds of blocks and promises', async () => {
    const block = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array());
    await fc.assert(
      fc.asyncProperty(fc.array(block), fc.constantFrom('array', 'generator', 'async', 'promises'), async (blocks, how) => {
        const bodies = {
          array: () => blocks,
          generator: () =>
            (function* () {
              yield* blocks;
            })(),
          async: () =>
            (async function* () {
              yield* blocks;
            })(),
          promises: () => blocks.map(async (one) => one),
        };
        const { output } = await run(answering(bodies[how]()));
        const body = Buffer.concat(blocks.map((one) => Buffer.from(one as string)));
        expect(output.slice(output.indexOf('\r\n\r\n') + 4)).toBe(body.toString('latin1'));
      }),
    );
  });
});

describe('asynchronous sinks', () => {
  test('the gateway awaits each head, block and end that the sink writes', async () => {
    const chunks: string[] = [];
    const options = {
      stdout: {
        write: async (bytes: Uint8Array) => {
          await null;
          chunks.push(Buffer.from(bytes).toString());
        },
      },
    };
    await run(answering('whole'), { options });
    await run(answering(null), { options });
    await run(answering(null, [['Content-Length', '2']]), { options });
    const { errors } = await run(answering(['ab', 'cd'], [['Content-Length', '3']]), { options });
    await run(
      (_environ: unknown, start: Start) => {
        start('200 OK', [])('w');
        return null;
      },
      { options },
    );
    await run(answering('y'.repeat(70_000)), { options });
    expect(chunks.slice(0, 6)).toEqual([
      response('200 OK', ['Content-Length: 5'], 'whole'),
      response('200 OK', ['Content-Length: 0']),
      response('200 OK', ['Content-Length: 2']),
      response('200 OK', ['Content-Length: 3'], 'ab'),
      'c',
      response('200 OK', [], 'w'),
    ]);
    expect(chunks.slice(6).join('').length).toBe(response('200 OK', ['Content-Length: 70000']).length + 70_000);
    expect(errors).toContain('[body-too-long]');
  });
});
