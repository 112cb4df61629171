import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { fs } from '../../src/fs.ts';
import { Exchange } from '../../src/gateway/exchange.ts';
import { FileWrapper } from '../../src/gateway/file-wrapper.ts';
import type { Sink } from '../../src/gateway/sink.ts';
import type { ApplicationFunction, Environ, FileLike, StartResponse } from '../../src/types.ts';
import { response, run } from '../fakes.ts';

type Start = (status: string, headers: [string, string][]) => unknown;

const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-file-'));
const path = join(folder, 'file');
writeFileSync(path, '0123456789');
afterAll(() => rmSync(folder, { recursive: true }));

const sending =
  (file: () => FileLike | Promise<FileLike>, headers: [string, string][] = [], blockSize?: number) =>
  async (environ: Environ, start: Start) => {
    start('200 OK', headers);
    return environ['wsgi.file_wrapper'](await file(), blockSize);
  };

const reading = (...blocks: (string | Uint8Array | null)[]) => ({
  closed: 0,
  read: () => blocks.shift(),
  close() {
    this.closed++;
  },
});

describe('PEP 3333 #79 to #85: wsgi.file_wrapper', () => {
  test('a descriptor is sent with the length it has, and closed', async () => {
    const descriptor = openSync(path, 'r');
    const { output } = await run(sending(() => descriptor));
    expect(output).toBe(response('200 OK', ['Content-Length: 10'], '0123456789'));
    expect(() => closeSync(descriptor)).toThrow('EBADF');
  });

  test('a FileHandle is sent and closed', async () => {
    const handle = await open(path);
    const { output } = await run(sending(() => handle, [], 4));
    expect(output).toBe(response('200 OK', ['Content-Length: 10'], '0123456789'));
    expect(handle.fd).toBe(-1);
  });

  test("#84: the body begins at the file's position and ends at Content-Length", async () => {
    const descriptor = openSync(path, 'r');
    readSync(descriptor, Buffer.alloc(3));
    expect((await run(sending(() => descriptor))).output).toBe(response('200 OK', ['Content-Length: 7'], '3456789'));
    const cut = await run(sending(() => openSync(path, 'r'), [['Content-Length', '4']]));
    expect(cut).toMatchObject({ output: response('200 OK', ['Content-Length: 4'], '0123'), errors: '' });
    const blocks = await run(sending(() => openSync(path, 'r'), [['Content-Length', '5']], 2));
    expect(blocks).toMatchObject({ output: response('200 OK', ['Content-Length: 5'], '01234'), errors: '' });
  });

  test('#82: an object with read() is read, sent without a length, and closed', async () => {
    const file = reading('ab', new Uint8Array([99]), 'ä', null, 'never');
    const { output } = await run(sending(() => file));
    expect(output).toBe(response('200 OK', [], 'abc\xc3\xa4'));
    expect(file.closed).toBe(1);
    expect((await run(sending(() => reading('abc', 'def'), [['Content-Length', '4']]))).output).toBe(
      response('200 OK', ['Content-Length: 4'], 'abcd'),
    );
  });

  test('a Content-Length of 0 reads nothing of a file', async () => {
    let reads = 0;
    const endless = { read: () => (reads++ < 100 ? 'x' : '') };
    const { output, errors } = await run(sending(() => endless, [['Content-Length', '0']]));
    expect([output, errors, reads]).toEqual([response('200 OK', ['Content-Length: 0']), '', 0]);
  });

  test('an empty file, and one without a known size', async () => {
    expect((await run(sending(() => openSync('/dev/null', 'r')))).output).toBe(response('200 OK', ['Content-Length: 0']));
    const name = readFileSync('/proc/self/comm', 'latin1');
    expect((await run(sending(() => openSync('/proc/self/comm', 'r')))).output).toBe(response('200 OK', [], name));
  });

  test('HEAD sends the length and reads one block', async () => {
    const { output } = await run(
      sending(() => openSync(path, 'r')),
      { method: 'HEAD' },
    );
    expect(output).toBe(response('200 OK', ['Content-Length: 10']));
  });

  test('#80: the wrapper transmits nothing by itself, and is an ordinary iterable', () => {
    expect([...new FileWrapper(reading('a', 'b'))]).toEqual(['a', 'b']);
    const descriptor = openSync(path, 'r');
    const wrapper = new FileWrapper(descriptor, 6);
    expect([...wrapper].map(String)).toEqual(['012345', '6789']);
    expect(wrapper.remaining()).toBe(0);
    wrapper.close();
    expect(wrapper.remaining()).toBeUndefined();
    expect(new FileWrapper({ read: () => '' }).close()).toBeUndefined();
  });

  test('a system that does not show the position in the file makes no false length', async () => {
    for (const shown of ['', 'flags:\t0100000\n']) {
      const read = vi.spyOn(fs, 'readFileSync').mockReturnValue(shown);
      const { output } = await run(sending(() => openSync(path, 'r')));
      read.mockRestore();
      expect(output).toBe(response('200 OK', [], '0123456789'));
    }
  });

  test.each<[string, unknown, string]>([
    ['a stream that is not open yet', { fd: null, pipe() {} }, 'an object of Object'],
    ['an object whose read is no method', { read: true }, 'an object of Object'],
    ['a string', 'path', '"path"'],
    ['nothing', null, 'null'],
  ])('%s is refused', (_what, file, shown) => {
    const rule = 'A file must be an open descriptor, have one as fd, or have read(size)';
    const message = `${rule}, got ${shown}; a stream can be the body itself`;
    expect(() => new FileWrapper(file as FileLike)).toThrow(expect.objectContaining({ code: 'file-not-readable', message }));
  });
});

describe('sinks that wait', () => {
  test('the gateway awaits each block of a file, and a whole file', async () => {
    const sent: string[] = [];
    const wait = async (what: string) => {
      await null;
      sent.push(what);
    };
    const stdout = { write: (bytes: Uint8Array) => wait(Buffer.from(bytes).toString()) };
    await run(
      sending(() => openSync(path, 'r'), [], 8),
      { options: { stdout } },
    );
    const sink: Sink = {
      start: (_status, _headers, block) => wait(String(block)),
      write: (block) => wait(String(block)),
      sendFile: async (_descriptor, length) => {
        await wait(`file ${length}`);
        return length;
      },
      end: (complete) => wait(`end ${complete}`),
    };
    const application: ApplicationFunction = (_environ, start) => {
      start('200 OK', []);
      return new FileWrapper(openSync(path, 'r'), 4);
    };
    await new Exchange(application, { REQUEST_METHOD: 'GET' } as Environ, sink, () => {}).start();
    expect(sent).toEqual([response('200 OK', ['Content-Length: 10'], '01234567'), '89', '0123', 'file 6', 'end true']);
  });

  test('a file after write() has no length of its own, and one without startResponse() is an error', async () => {
    const { output } = await run((environ: Environ, start: StartResponse) => {
      start('200 OK', [])('before ');
      return environ['wsgi.file_wrapper'](openSync(path, 'r'));
    });
    expect(output).toBe(response('200 OK', [], 'before 0123456789'));
    expect((await run((environ: Environ) => environ['wsgi.file_wrapper'](openSync(path, 'r')))).errors).toContain(
      '[write-before-start-response]',
    );
  });
});

describe('a descriptor as standard output', () => {
  test('a file goes through one buffer, cut at Content-Length', async () => {
    const target = join(folder, 'out');
    const large = join(folder, 'large');
    writeFileSync(large, Buffer.alloc(700_000, 'abc'));
    for (const [headers, length] of [
      [[], 700_000],
      [[['Content-Length', '600000']], 600_000],
    ] as [[string, string][], number][]) {
      const stdout = openSync(target, 'w+');
      await run(
        sending(() => openSync(large, 'r'), headers),
        { options: { stdout } },
      );
      closeSync(stdout);
      const head = response('200 OK', [`Content-Length: ${length}`]);
      const written = Buffer.concat([Buffer.from(head), Buffer.alloc(length, 'abc')]);
      expect(
        (
          await open(target).then(async (file) => {
            const bytes = await file.readFile();
            await file.close();
            return bytes;
          })
        ).equals(written),
      ).toBe(true);
    }
  });
});
