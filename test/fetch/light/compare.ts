// The light classes beside Node's own, bodies of every kind, and the means to do the same with both and compare.

import { expect } from 'vitest';
import {
  Headers as LightHeaders,
  Request as LightRequest,
  Response as LightResponse,
  fetch as lightFetch,
} from '../../../src/fetch/light/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is compared are two classes of the same name and of any shape
export type Any = any;

export const light = { Headers: LightHeaders, Request: LightRequest, Response: LightResponse, fetch: lightFetch };

export const native = { Headers, Request, Response, fetch };

export const both: [name: string, classes: Any][] = [
  ['light', light],
  ['native', native],
];

/** What an operation gives, or what kind of error it throws. */
export async function outcome(operation: () => unknown): Promise<unknown> {
  try {
    return await operation();
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

export function errorOf(operation: () => unknown): string {
  try {
    operation();
    return 'nothing';
  } catch (error) {
    return (error as Error).name;
  }
}

/** Does the same with both, and compares. */
export async function same(operation: (classes: Any) => unknown): Promise<void> {
  const [ours, theirs] = await Promise.all(both.map(([, classes]) => outcome(() => operation(classes))));
  expect(ours).toEqual(theirs);
}

/** What a program sees of a message: the properties `names`, the headers, and whether there is a body. */
export const seen = (message: Any, names: string[]) => [...names.map((name) => message[name]), [...message.headers], message.body === null];

export const bytes = (body: ArrayBuffer | Uint8Array) => [...new Uint8Array(body)];

/** Every kind of body, made anew each time. */
export const bodies: Record<string, () => unknown> = {
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

export const readers: Record<string, (message: Any) => unknown> = {
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
export const isComparable = (body: string, reader: string) => body !== 'a form' || reader === 'formData';
