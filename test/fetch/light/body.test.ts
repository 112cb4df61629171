// Bodies of light Requests and Responses against those of Node's own: the same operations on both, and no difference.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extract, textStreamOf } from '../../../src/fetch/light/body.ts';
import { bodies, bytes, errorOf, isComparable, outcome, readers, same } from './compare.ts';

describe.each(Object.entries(bodies))('a body of %s', (kind, make) => {
  test.each(Object.entries(readers).filter(([reader]) => isComparable(kind, reader)))('Response: %s', async (_reader, read) => {
    await same(({ Response: S }) => read(new S(make())));
  });

  test.each(Object.entries(readers).filter(([reader]) => isComparable(kind, reader)))('Request: %s', async (_reader, read) => {
    await same(({ Request: Q }) => read(new Q('http://a/', { method: 'POST', body: make(), duplex: 'half' })));
  });

  test('its Content-Type', async () => {
    const type = (headers: Headers) => headers.get('content-type')?.replace(/boundary=.*/, '');
    await same(({ Response: S }) => type(new S(make()).headers));
    await same(({ Response: S }) => type(new S(make(), { headers: { 'Content-Type': 'x/y' } }).headers));
    await same(({ Request: Q }) => type(new Q('http://a/', { method: 'PUT', body: make(), duplex: 'half' }).headers));
  });

  test('what a GET, and a Request without duplex, makes of it', async () => {
    await same(({ Request: Q }) => new Q('http://a/', { body: make(), duplex: 'half' }).method);
    await same(({ Request: Q }) => new Q('http://a/', { method: 'POST', body: make() }).method);
  });
});

test('arbitrary bytes are the same text, whole and in two chunks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 12 }), fc.nat(12), async (bytes, at) => {
      await same(({ Response: S }) => new S(bytes).text());
      await same(({ Response: S }) => new S(ReadableStream.from([bytes.subarray(0, at), bytes.subarray(at)])).text());
      await same(({ Response: S }) => new S(new Blob([bytes])).text());
    }),
    { numRuns: 300 },
  );
});

test('arbitrary text is the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 6 }), async (text) => {
      await same(async ({ Response: S }) => bytes(await new S(text).arrayBuffer()));
      await same(async ({ Response: S }) => bytes(await new S(text).clone().bytes()));
      await same(async ({ Response: S }) => new S(`"${text}"`).json());
    }),
  );
});

describe.each(Object.entries(bodies).filter(([kind]) => isComparable(kind, 'textStream')))('textStream() of %s', (_kind, make) => {
  const collect = async (stream: ReadableStream<string>) => {
    const pieces: string[] = [];
    for await (const piece of stream) pieces.push(piece);
    return pieces.join('');
  };

  test('has what text() has', async () => {
    const both = [
      async () => collect(textStreamOf(make() == null ? null : extract(make()).body)),
      () => new Response(make() as string).text(),
    ];
    const [ours, theirs] = await Promise.all(both.map(outcome));
    expect(ours).toEqual(theirs);
  });

  test('exists where Node has it, and does the same', async () => {
    await same(async ({ Response: S }) => {
      const message = new S(make());
      const stream = message.textStream?.();
      return [message.bodyUsed, stream && [errorOf(() => message.textStream()), await collect(stream)]];
    });
  });
});
