// The light classes against Node's own: the same operations on both, and no difference.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { build } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { extract, textStreamOf } from '../../src/fetch/light/body.ts';
import {
  bodyOf,
  Headers as LightHeaders,
  Request as LightRequest,
  Response as LightResponse,
  fetch as lightFetch,
} from '../../src/fetch/light/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is compared are two classes of the same name and of any shape
type Any = any;
const light = { Headers: LightHeaders, Request: LightRequest, Response: LightResponse, fetch: lightFetch };
const native = { Headers, Request, Response, fetch };
const both: [name: string, classes: Any][] = [
  ['light', light],
  ['native', native],
];

/** What an operation gives, or what kind of error it throws. */
async function outcome(operation: () => unknown): Promise<unknown> {
  try {
    return await operation();
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

function errorOf(operation: () => unknown): string {
  try {
    operation();
    return 'nothing';
  } catch (error) {
    return (error as Error).name;
  }
}

/** Does the same with both, and compares. */
async function same(operation: (classes: Any) => unknown): Promise<void> {
  const [ours, theirs] = await Promise.all(both.map(([, classes]) => outcome(() => operation(classes))));
  expect(ours).toEqual(theirs);
}

const bytes = (body: ArrayBuffer | Uint8Array) => [...new Uint8Array(body)];

describe('shape', () => {
  /** All own properties, but for what Node's classes keep under symbols of their own, and light ones add for instanceof. */
  const shape = (platformClass: Any) => {
    const describeProperties = (target: object) =>
      Object.fromEntries(
        Reflect.ownKeys(target)
          .filter((name) => typeof name === 'string' || [Symbol.toStringTag, Symbol.iterator, inspect.custom].includes(name))
          .map((name) => {
            const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
            const what = typeof value === 'function' ? `function ${name === inspect.custom ? '' : value.name} of ${value.length}` : value;
            return [String(name), { what, get: get?.name, set: set?.name, ...flags }];
          }),
      );
    const { prototype: _, ...statics } = describeProperties(platformClass);
    return { statics, prototype: describeProperties(platformClass.prototype) };
  };

  test.each(['Headers', 'Response', 'Request'] as const)('%s has exactly the properties of the native one', (name) => {
    expect(shape(light[name])).toEqual(shape(native[name]));
  });

  test('instanceof, names, and what Object.prototype.toString says', async () => {
    await same(({ Headers: H, Request: Q, Response: S }) => [
      new H() instanceof H,
      new S() instanceof S,
      new Q('http://a/') instanceof Q,
      {} instanceof S,
      Object.prototype.toString.call(new S()),
      Object.prototype.toString.call(new H().entries()),
      [H.name, Q.name, S.name],
      class extends S {}.name,
      new S() instanceof class Mine extends S {},
    ]);
    expect(new Response() instanceof light.Response).toBe(true);
    expect(new Request('http://a/') instanceof light.Request).toBe(true);
  });
});

const headerName = fc.oneof(
  fc.constantFrom('a', 'B', 'Set-Cookie', 'set-cookie', 'Cookie', 'x-y', 'Content-Type'),
  fc.string({ maxLength: 4 }),
);
const headerValue = fc.oneof(
  fc.constantFrom('', ' x ', '\t\n', 'a, b', 'D\xfcrer', '€', 'a\rb', 'a\0b'),
  fc.string({ maxLength: 6 }),
  fc.integer(),
);
const headerOperation = fc.oneof(
  fc.tuple(fc.constantFrom('append', 'set'), headerName, headerValue),
  fc.tuple(fc.constantFrom('get', 'has', 'delete'), headerName),
  fc.tuple(fc.constantFrom('getSetCookie')),
);

describe('Headers', () => {
  test('any operations in any order leave the same, and throw the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headerOperation, { maxLength: 12 }), async (operations) => {
        await same(async ({ Headers: H }) => {
          const headers = new H();
          const results = [];
          for (const [method, ...args] of operations) results.push(await outcome(() => headers[method](...args)));
          return [results, [...headers], [...headers.keys()], [...headers.values()], [...headers.entries()]];
        });
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a string', 'ab'],
    ['an empty object', {}],
    ['a record', { b: '1', A: 2, 'set-cookie': 'x' }],
    [
      'pairs',
      [
        ['b', '1'],
        ['a', '2'],
        ['B', '3'],
      ],
    ],
    ['a pair of three', [['a', 'b', 'c']]],
    ['strings as pairs', ['ab']],
    ['a map', new Map([['a', 'b']])],
    ['a symbol as a name', { [Symbol('a')]: 'b' }],
    ['a symbol as a value', { a: Symbol('b') }],
    ['a bad name', { 'a b': 'c' }],
    ['native headers', new Headers({ a: 'b' })],
    ['light headers', new light.Headers({ a: 'b' })],
    ['what is not iterable', { [Symbol.iterator]: 5 }],
  ])('made of %s', async (_what, init) => {
    await same(({ Headers: H }) => [...new H(init)]);
  });

  test('iteration is live, and forEach has its own this', async () => {
    await same(({ Headers: H }) => {
      const headers = new H({ b: '1', c: '2' });
      const seen: unknown[] = [];
      for (const [name] of headers) {
        seen.push(name);
        if (name === 'b') {
          headers.delete('c');
          headers.append('d', '3');
          headers.append('a', '0');
        }
        if (seen.length > 9) break;
      }
      const self = {};
      headers.forEach(function (this: unknown, value: string, name: string, all: unknown) {
        seen.push([value, name, all === headers, this === self]);
      }, self);
      const iterator = headers[Symbol.iterator]();
      return [seen, iterator[Symbol.iterator]() === iterator, 'next' in iterator, H.prototype[Symbol.iterator] === H.prototype.entries];
    });
  });

  test.each(['append', 'set', 'get', 'has', 'delete', 'forEach'])('%s without its arguments', async (method) => {
    await same(({ Headers: H }) => new H()[method]());
  });

  test('what is given is converted before anything is appended, a name before its value', async () => {
    await same(({ Headers: H }) => {
      const log: string[] = [];
      const text = (value: string) => ({ toString: () => log.push(value) && value });
      const fails = { a: text('first'), '\uffff': text('never'), b: text('never') };
      return [
        ...[
          fails,
          [
            ['a', text('second')],
            ['b c', text('third')],
          ],
        ].map((init) => errorOf(() => new H(init))),
        log,
      ];
    });
  });

  test('look the same in a log, with names as they were given', async () => {
    await same(({ Headers: H }) => {
      const headers = new H({ 'X-B': '1', a: '2', 'Set-Cookie': 'x' });
      headers.append('x-b', '3');
      headers.set('A', '4');
      headers.append('set-cookie', 'y');
      return [inspect(headers), inspect({ headers }, { depth: 0 }), inspect([[[{ headers }]]]), inspect(new H())];
    });
    await same(({ Headers: H, Request: Q, Response: S }) => {
      const headers = new H({ 'X-B': '1', a: '2' });
      const copies = [new H(headers), new Q('http://a/', { headers }).clone().headers, new S('x', { headers }).clone().headers];
      headers.append('a', '3');
      return copies.map((copy) => inspect(copy));
    });
  });
});

/** Every kind of body, made anew each time. */
const bodies: Record<string, () => unknown> = {
  null: () => null,
  undefined: () => undefined,
  'an empty string': () => '',
  text: () => 'grün €',
  'text with a byte order mark': () => '\ufeffmarked',
  'a lone surrogate': () => 'a\ud800b',
  JSON: () => '{"a":[1,2]}',
  'a number': () => 5,
  'an object': () => ({}),
  bytes: () => new Uint8Array([1, 255, 0]),
  'a part of a buffer': () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
  'an ArrayBuffer': () => new Uint8Array([7, 8]).buffer,
  'a DataView': () => new DataView(new Uint8Array([7, 8, 9]).buffer, 1),
  parameters: () => new URLSearchParams({ a: 'b c', d: 'ü' }),
  'a Blob': () => new Blob(['blob'], { type: 'text/x' }),
  'a Blob without a type': () => new Blob(['blob']),
  'a form': () => {
    const form = new FormData();
    form.append('name', 'value');
    return form;
  },
  'a stream': () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([65, 66]));
        controller.enqueue(new Uint8Array([67]));
        controller.close();
      },
    }),
  'a stream that fails': () => new ReadableStream({ pull: (controller) => controller.error(new RangeError('no')) }),
  'a locked stream': () => {
    const stream = new ReadableStream();
    stream.getReader();
    return stream;
  },
  'an async iterable': () =>
    (async function* () {
      yield new Uint8Array([68]);
      yield new Uint8Array([69]);
    })(),
  'an async iterable of text': () =>
    (async function* () {
      yield 'grün ';
      yield Buffer.from('€');
    })(),
  'a stream of text': () => ReadableStream.from(['text']),
  'a stream of bytes': () => new Blob(['of bytes']).stream(),
};
const readers: Record<string, (message: Any) => unknown> = {
  text: (message) => message.text(),
  json: (message) => message.json(),
  arrayBuffer: async (message) => bytes(await message.arrayBuffer()),
  blob: async (message) => {
    const blob = await message.blob();
    return [blob.type, bytes(await blob.arrayBuffer())];
  },
  formData: async (message) => [...(await message.formData())],
  body: async (message) => {
    const pieces: number[] = [];
    if (message.body === null) return null;
    for await (const piece of message.body) pieces.push(...piece);
    return pieces;
  },
  'text, twice': async (message) => [await message.text(), message.bodyUsed, await outcome(() => message.text())],
  'a clone and the original': async (message) => {
    const copy = message.clone();
    return [await copy.text(), message.bodyUsed, await message.text(), await outcome(() => message.clone().bodyUsed)];
  },
  'text, with a look at the body before': async (message) => [
    message.body === null,
    Object.is(message.body, message.body),
    message.bodyUsed,
    await message.text(),
    message.bodyUsed,
  ],
  'text, with a look at the body after': async (message) => [await message.text(), message.body?.locked, message.bodyUsed],
  'a clone whose first chunk is not that of the original': async (message) => {
    const [original, clone] = await Promise.all([message, message.clone()].map((one) => one.body?.getReader().read()));
    return [original?.done, clone?.done, original?.value && String(original.value), clone?.value && String(clone.value)];
  },
  'a clone of which nobody reads': async (message) => {
    const copy = message.clone();
    return [await copy.body?.cancel.length, await message.text()];
  },
  'text, of a body that is locked': async (message) => {
    const reader = message.body?.getReader();
    return [Boolean(reader), message.bodyUsed, await outcome(() => message.text()), await outcome(() => message.clone().url)];
  },
};
/** Form boundaries are random. */
const isComparable = (body: string, reader: string) => body !== 'a form' || reader === 'formData';

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

test('any bytes are the same text, whole and in two chunks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 12 }), fc.nat(12), async (bytes, at) => {
      await same(({ Response: S }) => new S(bytes).text());
      await same(({ Response: S }) => new S(ReadableStream.from([bytes.subarray(0, at), bytes.subarray(at)])).text());
      await same(({ Response: S }) => new S(new Blob([bytes])).text());
    }),
    { numRuns: 300 },
  );
});

test('any text is the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 6 }), async (text) => {
      await same(async ({ Response: S }) => bytes(await new S(text).arrayBuffer()));
      await same(async ({ Response: S }) => bytes(await new S(text).clone().bytes()));
      await same(async ({ Response: S }) => new S(`"${text}"`).json());
    }),
  );
});

const properties = {
  Response: ['type', 'url', 'redirected', 'status', 'ok', 'statusText', 'bodyUsed'],
  Request: [
    ...['method', 'url', 'destination', 'referrer', 'referrerPolicy', 'mode', 'credentials', 'cache', 'redirect', 'integrity', 'keepalive'],
    ...['isReloadNavigation', 'isHistoryNavigation', 'bodyUsed', 'duplex'],
  ],
};
const seen = (message: Any, names: string[]) => [...names.map((name) => message[name]), [...message.headers], message.body === null];

describe('Response', () => {
  test.each<[string, (classes: Any) => Any]>([
    ['without anything', ({ Response: S }) => new S()],
    ['with all', ({ Response: S }) => new S('x', { status: 404, statusText: 'Gone \xfc', headers: { a: 'b' } })],
    ['a status as a string', ({ Response: S }) => new S('x', { status: '201' })],
    ['199', ({ Response: S }) => new S('x', { status: 199 })],
    ['600', ({ Response: S }) => new S('x', { status: 600 })],
    ['a status beyond 16 bits', ({ Response: S }) => new S('x', { status: 65_736 })],
    ['a reason with a line end', ({ Response: S }) => new S('x', { statusText: 'a\nb' })],
    ['a reason beyond bytes', ({ Response: S }) => new S('x', { statusText: '€' })],
    ['204 with a body', ({ Response: S }) => new S('', { status: 204 })],
    ['304 without', ({ Response: S }) => new S(null, { status: 304 })],
    ['init null', ({ Response: S }) => new S('x', null)],
    ['init a number', ({ Response: S }) => new S('x', 5)],
    ['headers null', ({ Response: S }) => new S('x', { headers: null })],
    ['another as init', ({ Response: S }) => new S('x', new S('y', { status: 201, headers: { a: 'b' } }))],
    ['error()', ({ Response: S }) => S.error()],
    ['json()', ({ Response: S }) => S.json({ a: 1 })],
    ['json() with init', ({ Response: S }) => S.json([1], { status: 201, headers: { 'content-type': 'x/y', a: 'b' } })],
    ['json() of what is none', ({ Response: S }) => S.json(undefined)],
    [
      'json() of a circle',
      ({ Response: S }) => {
        const circle: Record<string, unknown> = {};
        circle.self = circle;
        return S.json(circle);
      },
    ],
    ['json() with 204', ({ Response: S }) => S.json(1, { status: 204 })],
    ['redirect()', ({ Response: S }) => S.redirect('http://a/b c')],
    ['redirect() by 308', ({ Response: S }) => S.redirect('http://a/', 308)],
    ['redirect() by 200', ({ Response: S }) => S.redirect('http://a/', 200)],
    ['redirect() to a path', ({ Response: S }) => S.redirect('/a')],
    ['redirect() to nothing', ({ Response: S }) => S.redirect()],
    ['a bad status and a locked stream', ({ Response: S }) => new S(bodies['a locked stream']?.(), { status: 99 })],
    ['a bad status and a bad header', ({ Response: S }) => new S(null, { status: 99, headers: { a: '\n€' } })],
    ['json() with headers that can be read once', ({ Response: S }) => S.json(1, { headers: [['content-type', 'x/y']].values() })],
    ['json() of a lone surrogate', ({ Response: S }) => S.json('\udead')],
    ['a clone', ({ Response: S }) => new S('x', { status: 201, statusText: 'y', headers: { a: 'b' } }).clone()],
    ['a clone of an error', ({ Response: S }) => S.error().clone()],
  ])('%s', async (_what, make) => {
    await same((classes) => seen(make(classes), properties.Response));
    await same((classes) => make(classes).headers.append('a', 'c'));
    await same(async (classes) => (await make(classes)).text());
  });

  test.each([
    ...[
      'text/plain',
      'Text/PLAIN; Charset="UTF-8"',
      'text/html;charset=utf-8;a="b\\"c , d" ;e',
      'a/b;c=d;c=e',
      'a/b;=c;d',
      ' a/b \t;\tc=d',
    ],
    ...['garbage', '', '/', 'a/', '*/*', 'a/b, c/d', 'a/b;charset=x, a/b', 'a/b;charset=x, c/d', 'a/b, garbage', 'a/b;c=",", d/e;f="'],
    ...[
      'multipart/form-data; boundary=aBc',
      'a/b;c="d',
      'a/b;c=\xfc',
      'text/javascript',
      'a/b, */*',
      'a b/c',
      'a/b;charset=x,a/b;charset=y',
    ],
  ])('the type of a Blob of a body with the Content-Type %j', async (type) => {
    await same(async ({ Response: S }) => (await new S('x', { headers: { 'Content-Type': type } }).blob()).type);
    await same(async ({ Request: Q }) => (await new Q('http://a/', { headers: { 'Content-Type': type } }).blob()).type);
  });

  test('looks the same in a log', async () => {
    const options = { status: 404, statusText: 'Gone', headers: { 'X-A': '1' } };
    await same(({ Response: S }) => [inspect(new S('x', options)), inspect({ a: [S.error()] }), inspect(new S(), { depth: 0 })]);
  });

  test('called without new', async () => {
    await same(({ Response: S }) => S('x'));
  });
});

describe('Request', () => {
  test.each<[string, (classes: Any) => Any]>([
    ['a URL', ({ Request: Q }) => new Q('http://a/b c?d#e')],
    ['a URL object', ({ Request: Q }) => new Q(new URL('http://a/'))],
    ['a path', ({ Request: Q }) => new Q('/a')],
    ['nothing', ({ Request: Q }) => new Q()],
    ['a URL with a password', ({ Request: Q }) => new Q('http://a:b@c/')],
    ...['get', 'Post', 'patch', 'PATCH', 'CONNECT', 'trace', 'a b', '', 'FOO', 'delete'].map((method): [string, (classes: Any) => Any] => [
      `the method ${method}`,
      ({ Request: Q }) => new Q('http://a/', { method }),
    ]),
    [
      'all settings',
      ({ Request: Q }) =>
        new Q('http://a/', {
          mode: 'same-origin',
          credentials: 'omit',
          cache: 'no-store',
          redirect: 'manual',
          integrity: 'x',
          keepalive: true,
          referrerPolicy: 'origin',
        }),
    ],
    ...['mode', 'credentials', 'cache', 'redirect', 'referrerPolicy'].map((name): [string, (classes: Any) => Any] => [
      `a ${name} that is none`,
      ({ Request: Q }) => new Q('http://a/', { [name]: 'x' }),
    ]),
    ['navigate', ({ Request: Q }) => new Q('http://a/', { mode: 'navigate' })],
    ['only-if-cached', ({ Request: Q }) => new Q('http://a/', { cache: 'only-if-cached' })],
    ['a window', ({ Request: Q }) => new Q('http://a/', { window: 5 })],
    ['no referrer', ({ Request: Q }) => new Q('http://a/', { referrer: '' })],
    ['a bad referrer', ({ Request: Q }) => new Q('http://a/', { referrer: 'http://' })],
    ['a signal that is none', ({ Request: Q }) => new Q('http://a/', { signal: {} })],
    ['no signal', ({ Request: Q }) => new Q('http://a/', { signal: null })],
    ['init null', ({ Request: Q }) => new Q('http://a/', null)],
    ['init a number', ({ Request: Q }) => new Q('http://a/', 5)],
    ['headers', ({ Request: Q }) => new Q('http://a/', { headers: { Cookie: 'a', Host: 'b', 'X-Y': 'z' } })],
    ['another one', ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x', headers: { a: 'b' }, cache: 'no-cache' }))],
    ['another one, with other headers', ({ Request: Q }) => new Q(new Q('http://a/', { headers: { a: 'b' } }), { headers: { c: 'd' } })],
    [
      'another one, with another body',
      ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x' }), { body: new URLSearchParams({ a: 'b' }) }),
    ],
    ['another one with a body, as GET', ({ Request: Q }) => new Q(new Q('http://a/', { method: 'POST', body: 'x' }), { method: 'GET' })],
    ['a clone', ({ Request: Q }) => new Q('http://a/', { method: 'POST', body: 'x', cache: 'reload' }).clone()],
    ['a referrer', ({ Request: Q }) => new Q('http://a/', { referrer: 'http://b/c d' })],
    ['the referrer that is none', ({ Request: Q }) => new Q('http://a/', { referrer: 'about:client' })],
    ...[{ method: 'GET' }, { cache: 'default' }, { signal: null }].map((init): [string, (classes: Any) => Any] => [
      `another one with a referrer, and ${inspect(init)}`,
      ({ Request: Q }) => new Q(new Q('http://a/', { referrer: 'http://b/', referrerPolicy: 'origin', cache: 'reload' }), init),
    ]),
    ['a duplex that is none', ({ Request: Q }) => new Q('http://a/', { duplex: 'full' })],
    ['PUT with no-cors', ({ Request: Q }) => new Q('http://a/', { mode: 'no-cors', method: 'PUT' })],
    ['POST with no-cors', ({ Request: Q }) => new Q('http://a/', { mode: 'no-cors', method: 'POST', body: 'x' })],
    ...[{ mode: 'no-cors' }, { mode: 'same-origin' }, { keepalive: true }].map((init): [string, (classes: Any) => Any] => [
      `a stream with ${inspect(init)}`,
      ({ Request: Q }) => new Q('http://a/', { method: 'POST', body: bodies['a stream']?.(), duplex: 'half', ...init }),
    ]),
  ])('%s', async (_what, make) => {
    await same((classes) => seen(make(classes), properties.Request));
    await same(async (classes) => (await make(classes)).text());
  });

  test('takes the body of another away', async () => {
    await same(async ({ Request: Q }) => {
      const first = new Q('http://a/', { method: 'POST', body: 'x' });
      const second = new Q(first);
      return [
        first.bodyUsed,
        second.bodyUsed,
        await outcome(() => new Q(first).url),
        await second.text(),
        await outcome(() => first.text()),
      ];
    });
  });

  test('takes a body away that somebody has looked at', async () => {
    await same(async ({ Request: Q }) => {
      const first = new Q('http://a/', { method: 'POST', body: 'x' });
      const { body } = first;
      const second = new Q(first);
      return [first.bodyUsed, body === first.body, body.locked, second.body === body, second.bodyUsed, await second.text()];
    });
  });

  test('looks the same in a log', async () => {
    await same(({ Request: Q }) => [inspect(new Q('http://a/', { headers: { 'X-A': '1' } })), inspect([new Q('http://a/')], { depth: 0 })]);
  });

  test('the signal is its own, and follows the one given', async () => {
    await same(async ({ Request: Q }) => {
      const controller = new AbortController();
      const request = new Q('http://a/', { signal: controller.signal });
      const copy = request.clone();
      const derived = new Q(request);
      const before = [request.signal === controller.signal, request.signal.aborted, Object.is(request.signal, request.signal)];
      controller.abort('why');
      return [before, request.signal.aborted, request.signal.reason, copy.signal.aborted, derived.signal.aborted];
    });
    await same(({ Request: Q }) => new Q('http://a/', { signal: AbortSignal.abort('x') }).signal.reason);
    await same(({ Request: Q }) => new Q('http://a/').signal.aborted);
  });
});

test('the real fetch() takes a light Request, body and all', async () => {
  const server = createServer((request, response) => {
    response.setHeader('X-Method', String(request.method)).setHeader('X-Given', String(request.headers['x-given']));
    request.pipe(response);
  }).listen(0);
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await same(async ({ Request: Q, Headers: H, fetch: get, Response: S }) => {
    const answers = [
      await get(new Q(url, { method: 'PUT', body: 'sent', headers: { 'X-Given': '1' } })),
      await get(new Q(url, { method: 'POST', body: bodies['a stream']?.(), duplex: 'half' })),
      await get(url, { method: 'POST', body: 'x', headers: new H({ 'X-Given': '2' }) }),
      await get(new Q(url), { method: 'DELETE' }),
    ];
    return Promise.all(
      answers.map(async (answer) => [
        answer instanceof S,
        answer.headers.get('x-method'),
        answer.headers.get('x-given'),
        await answer.text(),
      ]),
    );
  });
  await same(({ Request: Q, fetch: get }) => get(new Q(url, { signal: AbortSignal.abort() })));
  server.close();
});

// Where Node follows the standard from some version on, light classes do under each.
describe('as in the standard, under any Node', () => {
  /** As Hono's own tests make one: methods are called on what is inside. */
  const proxyOf = <Target extends object>(inner: Target): Target =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });

  test('a Proxy of a Response is one', async () => {
    const response = proxyOf(new light.Response('proxy', { headers: { 'X-A': 'b' } }));
    const body = bodyOf(response);
    expect(body).toBeInstanceOf(ReadableStream);
    expect(await new Response(body as ReadableStream).text()).toBe('proxy');
    expect(() => bodyOf(response)).toThrow(TypeError);
  });

  test('a Proxy of a Request is one, for a Request and for fetch()', async () => {
    const server = createServer((request, response) => request.pipe(response)).listen(0);
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const make = () => proxyOf(new light.Request(url, { method: 'POST', body: 'proxy', headers: { 'X-A': 'b' }, redirect: 'error' }));
    const copy = new light.Request(make());
    expect([copy.method, copy.redirect, copy.headers.get('x-a'), await copy.text()]).toEqual(['POST', 'error', 'b', 'proxy']);
    expect(await (await light.fetch(make())).text()).toBe('proxy');
    server.close();
  });

  test('a priority that is none is refused', () => {
    expect(errorOf(() => new light.Request('http://a/', { priority: 'x' }))).toBe('TypeError');
    expect(errorOf(() => new light.Request('http://a/', { priority: 'high' }))).toBe('nothing');
  });

  test.each([{}, { foo: 1 }, { cache: undefined }])('a request made of another one and %j keeps its referrer', (init) => {
    const first = new light.Request('http://a/', { referrer: 'http://b/', referrerPolicy: 'origin' });
    const { referrer, referrerPolicy } = new light.Request(first, init);
    expect([referrer, referrerPolicy]).toEqual(['http://b/', 'origin']);
  });

  test('the chunks of a clone are clones', async () => {
    const chunk = new Uint16Array([1, 2]);
    const original = new light.Response(ReadableStream.from([chunk]));
    const clone = original.clone();
    expect((await original.body?.getReader().read())?.value).toBe(chunk);
    const copy = await clone.body?.getReader().read();
    expect(copy?.value).toEqual(chunk);
    expect(copy?.value).not.toBe(chunk);
  });
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

  test('is there where Node has it, and does the same', async () => {
    await same(async ({ Response: S }) => {
      const message = new S(make());
      const stream = message.textStream?.();
      return [message.bodyUsed, stream && [errorOf(() => message.textStream()), await collect(stream)]];
    });
  });
});

test('what a plain request and response need loads neither undici nor streams', async () => {
  const source = `
    import { createRequest, Request, Response, Headers, bodyOf, headerList } from './src/fetch/light/index.ts';
    (async () => {
      const blocks = (async function* () { yield Buffer.from('{"a":1}'); })();
      const request = createRequest({ url: 'http://a/', method: 'POST', headers: [['a', 'b']], body: () => blocks, signal: () => { throw new Error('nobody asked'); } });
      const { a } = await request.json();
      const own = new Request('http://b/', { method: 'PUT', body: 'x', headers: new Headers({ c: 'd' }) });
      const response = Response.json({ a, own: await own.text(), url: own.url, header: request.headers.get('a') }, { status: 201 });
      console.log(bodyOf(response), JSON.stringify(headerList(response.headers)));
      console.log(process.moduleLoadList.filter((name) => /undici|webstreams\\/readable/.test(name)).join());
    })();`;
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const printed = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', outputFiles[0]?.text ?? ''], {
    encoding: 'utf8',
    env: {},
  });
  expect(printed).toBe('{"a":1,"own":"x","url":"http://b/","header":"b"} [["content-type","application/json"]]\n\n');
});
