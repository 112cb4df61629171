// Failures of the application: what the client gets, and what the log says.

import { describe, expect, test } from 'vitest';
import { ApplicationError } from '../../src/errors.ts';
import type { Environ } from '../../src/types.ts';
import { answering, response, run, SERVER_ERROR } from '../fakes.ts';

type Start = (status: string, headers: [string, string][], excInfo?: unknown) => (block: unknown) => void;

describe('failures, RFC 3875 #15: always an answer', () => {
  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('secret');
      },
    ],
    [
      'throws something else',
      () => {
        throw { secret: 'secret' };
      },
    ],
  ])('PEP 3333 #75, #78: an application that %s is logged, and the client learns nothing', async (_what, application) => {
    const { output, errors } = await run(application);
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toMatch(/^cgi: .*secret/s);
  });

  test('PEP 3333 #76: after the head the response ends short, and nothing is appended', async () => {
    const { output, errors } = await run(
      answering(
        (function* () {
          yield 'half';
          throw new Error('cause');
        })(),
      ),
    );
    expect(output).toBe(response('200 OK', [], 'half'));
    expect(errors).toContain('Error: cause');
  });

  test('headers of the failed response are not sent with the failure', async () => {
    const { output } = await run((_environ: unknown, start: Start) => {
      start('200 OK', [['Set-Cookie', 'a=1']]);
      throw new Error();
    });
    expect(output).toBe(SERVER_ERROR);
  });

  test('a RequestError of the input is answered with its own status, and logged in one line', async () => {
    const { output, errors } = await run((environ: Environ) => environ['wsgi.input'].read(), {
      body: 'abc',
      environ: { CONTENT_LENGTH: '5' },
    });
    expect(output).toBe(response('400 Bad Request', ['Content-Type: text/plain', 'Content-Length: 16'], '400 Bad Request\n'));
    expect(errors).toBe('cgi: RequestError [body-ended-early]: The request body ended after 3 of 5 bytes; the client has probably left\n');
  });

  test('an error whose properties throw is logged all the same', async () => {
    const error = new ApplicationError('timeout', 'x');
    Object.defineProperty(error, 'stack', {
      get() {
        throw new Error();
      },
    });
    const { errors } = await run(() => {
      throw error;
    });
    expect(errors).toBe('cgi: [timeout] an error that cannot be shown\n');
  });

  test('an error of the sink while it writes the failure is logged', async () => {
    const { errors } = await run(
      () => {
        throw new Error('first');
      },
      {
        options: {
          stdout: {
            write() {
              throw new Error('second');
            },
          },
        },
      },
    );
    expect(errors).toContain('Error: first');
    expect(errors).toContain('Error: second');
  });
});
