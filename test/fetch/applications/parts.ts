// What the applications of all frameworks answer with.

export const BYTES = new Uint8Array([0, 255, 1, 254, 13, 10]);
export const PAGE = '<!doctype html><title>Größe</title>';

export async function* blocks(): AsyncGenerator<string, void> {
  for (const block of ['one ', 'zwö ', 'three']) {
    await new Promise((resolve) => setImmediate(resolve));
    yield block;
  }
}

export function streamOf(texts: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(new TextEncoder().encode(value));
    },
  });
}

/** Every field, with the content of files. */
export async function describeForm(form: Iterable<[name: string, value: string | File]>): Promise<unknown[]> {
  return Promise.all(
    [...form].map(async ([name, value]) => [name, typeof value === 'string' ? value : [value.name, value.type, await value.text()]]),
  );
}

/** What there is to see on a Request itself. */
export function noted(request: Request): unknown {
  const { mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, bodyUsed, body, duplex, signal } =
    request as Request & { duplex: string };
  return {
    settings: { mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, duplex },
    body: { bodyUsed, isNull: body === null },
    signal: [signal instanceof AbortSignal, signal.aborted],
    headers: [...request.headers],
    tags: [Object.prototype.toString.call(request), request instanceof Request, request.headers instanceof Headers],
  };
}
