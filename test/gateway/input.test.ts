import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { RequestError } from '../../src/errors.ts';
import { Input } from '../../src/gateway/input.ts';
import { NO_BODY, type Source } from '../../src/gateway/source.ts';
import { Spool, spoolSource } from '../../src/gateway/spool.ts';

/** Gives `bytes` in reads of the sizes in `cuts`, over and over, and counts what was taken. */
function source(bytes: Buffer | string, cuts: number[] = [Infinity], isAsync = false): Source & { taken: number } {
  const rest = Buffer.from(bytes as string);
  let turn = 0;
  const made = {
    taken: 0,
    read(buffer: Uint8Array) {
      const size = Math.min(cuts[turn++ % cuts.length] ?? Infinity, buffer.length, rest.length - made.taken);
      rest.copy(buffer, 0, made.taken, made.taken + size);
      made.taken += size;
      return size;
    },
  };
  return isAsync ? Object.assign(made, { readAsync: async (buffer: Uint8Array) => made.read(buffer) }) : made;
}

const LINES = 'first\nsecond\n\nlast';
const input = (text = LINES, length = text.length, cuts?: number[]) => new Input(source(text, cuts), length);
const strings = (buffers: Iterable<Buffer>) => [...buffers].map(String);

describe('PEP 3333 #24 to #30: wsgi.input', () => {
  test('read() returns the rest, read(size) exactly so much or what is left, and then nothing', () => {
    const body = input(LINES, LINES.length, [1, 2]);
    expect(String(body.read(3))).toBe('fir');
    expect(String(body.read(0))).toBe('');
    expect(String(body.read(4))).toBe('st\ns');
    expect(String(body.read())).toBe('econd\n\nlast');
    expect(String(body.read())).toBe('');
    expect(String(body.read(5))).toBe('');
    expect(String(input().read(-1))).toBe(LINES);
    expect(String(input().read(999))).toBe(LINES);
  });

  test('readline() returns a line with its end, readline(size) no more than so much of it', () => {
    const body = input(LINES, LINES.length, [4]);
    expect(String(body.readline())).toBe('first\n');
    expect(String(body.readline(3))).toBe('sec');
    expect(String(body.readline(999))).toBe('ond\n');
    expect(String(body.readline(-1))).toBe('\n');
    expect(String(body.readline(0))).toBe('');
    expect(String(body.readline())).toBe('last');
    expect(String(body.readline())).toBe('');
  });

  test('readlines() returns all lines, readlines(hint) those that reach it', () => {
    expect(strings(input().readlines())).toEqual(['first\n', 'second\n', '\n', 'last']);
    expect(strings(input().readlines(6))).toEqual(['first\n']);
    expect(strings(input().readlines(7))).toEqual(['first\n', 'second\n']);
    expect(strings(input().readlines(0))).toEqual(['first\n', 'second\n', '\n', 'last']);
  });

  test('iteration goes by line', () => {
    expect(strings(input(LINES, LINES.length, [3, 1]))).toEqual(['first\n', 'second\n', '\n', 'last']);
  });

  test('asynchronous iteration goes by chunk, and begins with what was read ahead', async () => {
    for (const isAsync of [true, false]) {
      const body = new Input(source(LINES, [8], isAsync), LINES.length);
      expect(String(body.readline())).toBe('first\n');
      const chunks: string[] = [];
      for await (const chunk of body) chunks.push(String(chunk));
      expect(chunks).toEqual(['se', 'cond\n\nla', 'st']);
    }
  });

  test('a body of many chunks is read whole', () => {
    const large = 'x'.repeat(3_000_000);
    expect(input(large, large.length, [50_000]).read().toString() === large).toBe(true);
    expect(new Input(source(large), Infinity).read().length).toBe(3_000_000);
    expect(input(large).read(2_500_000).length).toBe(2_500_000);
  });

  test('PEP 3333 #25, RFC 3875 #8: it ends at CONTENT_LENGTH, and takes no byte beyond', () => {
    const from = source(`${LINES}GET /next HTTP/1.1`);
    const body = new Input(from, LINES.length);
    expect(String(body.read())).toBe(LINES);
    expect(strings(body.readlines())).toEqual([]);
    expect(from.taken).toBe(LINES.length);
  });

  test('PEP 3333 #27: without a body it is empty, and nothing is asked of the source', () => {
    const body = new Input(
      {
        read: () => {
          throw new Error('read');
        },
      },
      0,
    );
    expect([String(body.read()), String(body.readline()), strings(body), body.received]).toEqual(['', '', [], true]);
  });

  test('a body of unknown length ends with its source', () => {
    const body = new Input(source(LINES, [5]), Infinity);
    expect(String(body.read(3))).toBe('fir');
    expect(String(body.read())).toBe(LINES.slice(3));
    expect([String(body.read()), body.received]).toEqual(['', true]);
  });

  test('a body that breaks off throws at each read, and never looks complete', async () => {
    const short = () => new Input(source(LINES, [5], true), 100);
    const message = `The request body ended after ${LINES.length} of 100 bytes; the client has probably left`;
    const body = short();
    expect(() => body.read()).toThrow(message);
    expect(() => body.read(1)).toThrow(message);
    expect(() => short().readlines()).toThrow(message);
    expect(() => [...short()]).toThrow(message);
    await expect(
      (async () => {
        for await (const _ of short());
      })(),
    ).rejects.toThrow(message);
    expect(() => body.read()).toThrow(expect.objectContaining({ name: 'RequestError', code: 'body-ended-early', statusHint: 400 }));
  });

  test('more than the limit throws', () => {
    const body = new Input(source(LINES, [5]), Infinity, 8);
    expect(String(body.read(5))).toBe('first');
    expect(() => body.read()).toThrow(expect.objectContaining({ code: 'body-too-large', statusHint: 413 }));
    expect(String(new Input(source(LINES), Infinity, LINES.length).read())).toBe(LINES);
  });

  test('a synchronous read while an asynchronous one is under way throws', async () => {
    let give!: (count: number) => void;
    let reads = 0;
    const body = new Input(
      {
        read: () => reads++,
        readAsync: () =>
          new Promise((resolve) => {
            give = resolve;
          }),
      },
      10,
    );
    const pending = body[Symbol.asyncIterator]().next();
    expect(body.reading).toBeInstanceOf(Promise);
    const message = 'wsgi.input cannot be read while an asynchronous read is under way; await it first';
    expect(() => body.read()).toThrow(expect.objectContaining({ code: 'input-busy', message }));
    await expect(body[Symbol.asyncIterator]().next()).rejects.toThrow(expect.objectContaining({ code: 'input-busy' }));
    body.spool();
    body.discard(10);
    expect([reads, body.received]).toEqual([0, false]);
    give(4);
    expect((await pending).value).toHaveLength(4);
    expect(body.reading).toBeUndefined();
  });

  test('however the source cuts the body and the application reads it, the bytes are the same', async () => {
    const call = fc.oneof(
      fc.record({ how: fc.constant('read' as const), size: fc.integer({ min: 0, max: 40 }) }),
      fc.record({ how: fc.constant('readline' as const), size: fc.integer({ min: -1, max: 40 }) }),
      fc.record({ how: fc.constantFrom('readlines' as const, 'chunk' as const, 'spool' as const), size: fc.integer({ min: 1, max: 40 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'bc', '\n', 'ä')).map((parts) => Buffer.from(parts.join(''))),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.array(call),
        async (bytes, cuts, calls) => {
          const body = new Input(source(bytes, cuts, true), bytes.length);
          let rest = bytes;
          const expectNext = (got: Buffer, size: number) => {
            expect(got.equals(rest.subarray(0, size))).toBe(true);
            rest = rest.subarray(size);
          };
          const line = (limit: number) => {
            const end = rest.indexOf(10) < 0 ? rest.length : rest.indexOf(10) + 1;
            return limit < 0 ? end : Math.min(limit, end);
          };
          for (const { how, size } of calls) {
            if (how === 'read') expectNext(body.read(size), Math.min(size, rest.length));
            else if (how === 'readline') expectNext(body.readline(size), line(size));
            else if (how === 'spool') body.spool();
            else if (how === 'readlines') for (const got of body.readlines(size)) expectNext(got, line(-1));
            else {
              const { value } = await body[Symbol.asyncIterator]().next();
              if (value) expectNext(value, value.length);
            }
          }
          expectNext(body.read(), rest.length);
        },
      ),
    );
  });
});

describe('spool() and discard()', () => {
  const { TMPDIR } = process.env;
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });

  test('of a body that is too large, the rest is dropped at once, and the application learns of it', () => {
    for (const [limit, taken] of [
      [Infinity, 3_000_000],
      [1_000_000, 1_000_011],
    ] as const) {
      const from = source(Buffer.alloc(3_000_000, 'x'), [65_536]);
      const body = new Input(from, Infinity, 10);
      body.spool(limit);
      expect(from.taken).toBe(taken);
      expect(() => body.read()).toThrow(RequestError);
    }
  });

  test('a spooled body is taken at once and read later, in memory and in a file', () => {
    for (const size of [10, 1_048_576, 3_000_001]) {
      const bytes = Buffer.alloc(size, 'abcdefg');
      const from = source(bytes, [65_536, 17_001]);
      const body = new Input(from, size);
      expect(String(body.read(3))).toBe('abc');
      body.spool();
      body.spool();
      expect(from.taken).toBe(size);
      body.discard(size);
      expect(body.read().equals(bytes.subarray(3))).toBe(true);
      expect(body.received).toBe(true);
      body.spool();
    }
  });

  test('a body that breaks off while it is spooled throws when that is read', () => {
    const body = new Input(source('abc'), 5);
    body.spool();
    expect(String(body.read(3))).toBe('abc');
    expect(() => body.read()).toThrow('ended after 3 of 5 bytes');
  });

  test('no more is spooled than the limit', () => {
    const from = source('x'.repeat(100));
    const body = new Input(from, Infinity, 10);
    body.spool();
    expect(from.taken).toBe(11);
    expect(() => body.read()).toThrow(expect.objectContaining({ code: 'body-too-large' }));
    const begun = source('x'.repeat(100));
    const rest = new Input(begun, Infinity, 10);
    rest.read(4);
    rest.spool();
    expect(begun.taken).toBe(11);
  });

  test('on a full disk the application loses the body, and the gateway takes the rest all the same', () => {
    const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-'));
    mkdirSync(join(folder, 'nowhere'));
    rmSync(folder, { recursive: true });
    process.env.TMPDIR = folder;
    const size = 2_000_000;
    const from = source(Buffer.alloc(size), [65_536]);
    const body = new Input(from, size);
    body.spool();
    expect(from.taken).toBe(size);
    expect(body.read(1_000_000).length).toBe(1_000_000);
    expect(() => body.read()).toThrow(expect.objectContaining({ code: 'body-lost', statusHint: 507 }));
    expect(() => body.read()).toThrow(`The request body could not be kept in ${folder}`);
  });

  test('without TMPDIR the file is in /tmp, and is gone when it is closed', () => {
    delete process.env.TMPDIR;
    const spool = spoolSource(source(Buffer.alloc(1_200_000)), 1_200_000);
    expect(spool.length).toBe(1_200_000);
    spool.close();
    expect(spool.read(new Uint8Array(5))).toBe(0);
    new Spool().close();
  });

  /** Gives "abc", and then fails as a system call does. */
  function failing(isAsync = false): Source {
    const before = source('abc');
    const error = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', syscall: 'read' });
    const read = (buffer: Uint8Array) => {
      if (before.taken < 3) return before.read(buffer);
      throw error;
    };
    return isAsync ? { read, readAsync: async (buffer) => read(buffer) } : { read };
  }
  const endedEarly = (length: string) =>
    expect.objectContaining({
      code: 'body-ended-early',
      statusHint: 400,
      message: `The request body ended after 3${length} bytes; the next read failed: EIO`,
    });

  test('a read that fails is an error, also of a body whose length is unknown', async () => {
    expect(() => new Input(failing(), 5).read()).toThrow(endedEarly(' of 5'));
    expect(() => new Input(failing(), Infinity).read()).toThrow(endedEarly(''));
    for (const isAsync of [true, false]) {
      const chunks = new Input(failing(isAsync), Infinity)[Symbol.asyncIterator]();
      expect(String((await chunks.next()).value)).toBe('abc');
      await expect(chunks.next()).rejects.toThrow(endedEarly(''));
    }
  });

  test('an error of a source that is no system call stays as it is', async () => {
    const error = new Error('its own');
    const read = () => {
      throw error;
    };
    expect(() => new Input({ read }, 5).read()).toThrow(error);
    const chunks = new Input({ read, readAsync: async () => read() }, 5)[Symbol.asyncIterator]();
    await expect(chunks.next()).rejects.toBe(error);
  });

  test('spool() and discard() do not throw when a read fails; the application learns of it behind the bytes before', () => {
    for (const length of [5, Infinity]) {
      const body = new Input(failing(), length);
      body.spool();
      expect(String(body.read(3))).toBe('abc');
      expect(() => body.read()).toThrow(endedEarly(length === 5 ? ' of 5' : ''));
      expect(() => new Input(failing(), length).discard(10)).not.toThrow();
    }
  });

  test('discard() takes the rest of the body, up to its limit', () => {
    const from = source('x'.repeat(200_000));
    new Input(from, 200_000).discard(150_000);
    expect(from.taken).toBe(150_000);
    const short = source('abc');
    new Input(short, 10).discard(10);
    expect(short.taken).toBe(3);
    const asked: number[] = [];
    const read = (buffer: Uint8Array) => asked.push(buffer.length) && buffer.length;
    new Input({ read }, 200_000).discard(70_000);
    expect(asked).toEqual([65_536, 4_464]);
  });
});

describe('memory that a body takes', () => {
  const LENGTH = 20_000;
  const text = 'x'.repeat(LENGTH);
  /** How many bytes the buffers take that `read` returns; they must hold `text`. */
  const taken = async (read: () => Buffer | Promise<Buffer[]>): Promise<number> => {
    const before = process.memoryUsage().arrayBuffers;
    const kept = await read();
    const after = process.memoryUsage().arrayBuffers;
    expect([kept].flat().join('')).toBe(text);
    return after - before;
  };

  test('is its length, not a whole read of the source for each byte that arrives', async () => {
    expect(await taken(() => input(text, LENGTH, [1]).readline())).toBeLessThan(4_000_000);
    const blocks = async () => {
      const kept: Buffer[] = [];
      for await (const block of new Input(source(text, [1], true), LENGTH)) kept.push(block);
      return kept;
    };
    expect(await taken(blocks)).toBeLessThan(4_000_000);
  });

  test('is less than one buffer for each of many small pieces of a long body', async () => {
    const body = new Input(source('x'.repeat(200_000), [1], true), 200_000)[Symbol.asyncIterator]();
    const before = process.memoryUsage().arrayBuffers;
    const kept: unknown[] = [];
    for (let count = 0; count < 200; count++) kept.push((await body.next()).value);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(kept.join('')).toBe('x'.repeat(200));
  });

  test('is its length, not a buffer for each piece that is spooled', () => {
    const before = process.memoryUsage().heapUsed;
    const spool = new Spool();
    for (let at = 0; at < 1_000_000; at++) spool.add(Buffer.of(at));
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40_000_000);
    const buffer = Buffer.alloc(1_000_000);
    let count = 0;
    for (let more = spool.read(buffer); more > 0; more = spool.read(buffer.subarray(count))) count += more;
    expect(count).toBe(1_000_000);
    expect(buffer.every((byte, at) => byte === at % 256)).toBe(true);
  });
});

test('a spool gives back the same bytes for any pieces and any reads, in memory and in a file', () => {
  const steps = fc.array(fc.record({ add: fc.integer({ min: 0, max: 150_000 }), read: fc.integer({ min: 0, max: 100_000 }) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const spool = new Spool();
      let given = 0;
      let seen = 0;
      const read = (size: number): number => {
        const buffer = Buffer.alloc(size);
        const count = size === 0 ? 0 : spool.read(buffer);
        for (const byte of buffer.subarray(0, count)) if (byte !== seen++ % 251) throw new Error(`byte ${seen - 1} is ${byte}`);
        return count;
      };
      for (const { add, read: size } of list) {
        spool.add(Buffer.from(Uint8Array.from({ length: add }, (_, at) => (given + at) % 251)));
        given += add;
        read(size);
      }
      while (read(65_536) > 0);
      spool.close();
      expect([spool.length, seen]).toEqual([given, given]);
    }),
    { numRuns: 100 },
  );
});

test('a request without a body has a source that is at its end', () => {
  expect(NO_BODY.read(new Uint8Array(1))).toBe(0);
});
