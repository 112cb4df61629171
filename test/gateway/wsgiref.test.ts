// CPython's HandlerTests of test_wsgiref, each under its own name. docs/wsgiref.md says which cannot apply.

import { describe, expect, test } from 'vitest';
import { RequestError } from '../../src/errors.ts';
import { type Application, type Environ, type RunWithCgiOptions, runWithCgi, type StartResponse } from '../../src/index.ts';
import { setupTestingDefaults } from '../../src/util.ts';
import { validator } from '../../src/validator/index.ts';
import { run as runUnder, SERVER_ERROR } from '../fakes.ts';

/** Runs `application` with the environ that the Python cases are given. */
function run(application: (environ: Environ, startResponse: StartResponse) => unknown, options: RunWithCgiOptions = {}) {
  const environ: Record<string, unknown> = {};
  setupTestingDefaults(environ);
  const variables = Object.entries(environ).filter(([name]) => !name.includes('.'));
  return runUnder(application, { environ: Object.fromEntries(variables) as Record<string, string>, options });
}

const nothing = (_environ: Environ, startResponse: StartResponse) => {
  startResponse('200 OK', []);
  return [];
};

describe('HandlerTests', () => {
  test('testEnviron: the variables given, and those of the deployer, which win', async () => {
    let seen: Environ | undefined;
    const application = (environ: Environ, startResponse: StartResponse) => {
      seen = environ;
      return nothing(environ, startResponse);
    };
    await runWithCgi(validator(application), {
      environ: { HOME: '/my/home', PATH: '/my/path', SCRIPT_NAME: '/test_script_name', SERVER_NAME: 'test_server_name' },
      env: { X: 'Y', HOME: '/override/home', SCRIPT_NAME: '', SERVER_NAME: '127.0.0.1' },
      stdin: '',
      stdout: { write() {} },
    });
    expect({ ...seen }).toEqual({
      HOME: '/override/home',
      PATH: '/my/path',
      X: 'Y',
      REQUEST_METHOD: 'GET',
      SCRIPT_NAME: '',
      PATH_INFO: '/',
      QUERY_STRING: '',
      SERVER_NAME: '127.0.0.1',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.0',
      'wsgi.version': [1, 0],
      'wsgi.url_scheme': 'http',
      'wsgi.input': expect.anything(),
      'wsgi.errors': expect.anything(),
      'wsgi.multithread': false,
      'wsgi.multiprocess': true,
      'wsgi.run_once': true,
      'wsgi.input_terminated': true,
      'wsgi.file_wrapper': expect.any(Function),
    });
  });

  test('testCGIEnviron: without a single variable the wsgi values are there', async () => {
    let keys: string[] = [];
    const application = (environ: Environ, startResponse: StartResponse) => {
      keys = Object.keys(environ);
      return nothing(environ, startResponse);
    };
    await runWithCgi(application, { environ: {}, stdin: '', stdout: { write() {} } });
    expect(keys).toEqual(expect.arrayContaining(['wsgi.url_scheme', 'wsgi.input', 'wsgi.errors']));
  });

  test.each([
    ['on', 'https'],
    ['', 'http'],
  ])('testScheme: HTTPS=%j is %s', async (https, scheme) => {
    const application = (environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain']]);
      return environ['wsgi.url_scheme'];
    };
    expect((await runUnder(application, { environ: { HTTPS: https } })).output).toMatch(new RegExp(`\r\n\r\n${scheme}$`));
  });

  test.each<[string, (environ: Environ, startResponse: StartResponse) => unknown, string]>([
    [
      'an array of one',
      (environ, startResponse) => {
        startResponse('200 OK', []);
        return [environ['wsgi.url_scheme']];
      },
      'Status: 200 OK\r\nContent-Length: 4\r\n\r\nhttp',
    ],
    [
      'write()',
      (environ, startResponse) => {
        void startResponse('200 OK', [])(environ['wsgi.url_scheme']);
        return [];
      },
      'Status: 200 OK\r\n\r\nhttp',
    ],
    [
      'text beyond ASCII',
      (_environ, startResponse) => {
        startResponse('200 OK', []);
        return ['тест'];
      },
      'Status: 200 OK\r\nContent-Length: 8\r\n\r\n\xd1\x82\xd0\xb5\xd1\x81\xd1\x82',
    ],
  ])('testContentLength: %s', async (_what, application, output) => {
    expect((await run(application)).output).toBe(output);
  });

  test('testContentLength: an answer to HEAD keeps the length it is given', async () => {
    const application = (_environ: Environ, startResponse: StartResponse) => {
      startResponse('200 OK', [['Content-Length', '12345']]);
      return [];
    };
    const { output } = await runUnder(application, { method: 'HEAD' });
    expect(output).toBe('Status: 200 OK\r\nContent-Length: 12345\r\n\r\n');
  });

  test('testBasicErrorOutput: no error, no output to the log', async () => {
    expect(await run(nothing)).toMatchObject({ output: 'Status: 200 OK\r\nContent-Length: 0\r\n\r\n', errors: '' });
  });

  test('testBasicErrorOutput: an error is a page without its cause, which the log has', async () => {
    const { output, errors } = await run(() => {
      throw new Error('This should be caught');
    });
    expect(output).toBe(SERVER_ERROR);
    expect(errors).toContain('Error: This should be caught');
  });

  test('testErrorAfterOutput: nothing is added to what has left', async () => {
    const { output, errors } = await run((_environ, startResponse) => {
      void startResponse('200 OK', [])('Some output has been sent');
      throw new Error('This should be caught');
    });
    expect(output).toBe('Status: 200 OK\r\n\r\nSome output has been sent');
    expect(errors).toContain('Error: This should be caught');
  });

  test.each(['HTTP/0.9', 'HTTP/1.0', 'HTTP/1.1'])('testHeaderFormats: %s with and without a status line', async (protocol) => {
    const output = async (nph: boolean) => (await runUnder(nothing, { environ: { SERVER_PROTOCOL: protocol }, options: { nph } })).output;
    expect(await output(false)).toBe('Status: 200 OK\r\nContent-Length: 0\r\n\r\n');
    const version = protocol === 'HTTP/1.1' ? '1\\.1' : '1\\.0';
    const date = 'Date: \\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT\r\n';
    expect(await output(true)).toMatch(
      new RegExp(`^HTTP/${version} 200 OK\r\n(?:${date}|Content-Length: 0\r\n|Connection: close\r\n){3}\r\n$`),
    );
  });

  test('testBytesData', async () => {
    const { output } = await run((_environ, startResponse) => {
      startResponse('200 OK', [['Content-Type', 'text/plain; charset=utf-8']]);
      return [Buffer.from('data')];
    });
    expect(output).toBe('Status: 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\ndata');
  });

  test('testCloseOnError: close() is called when the body fails', async () => {
    let closed = 0;
    await run((_environ, startResponse) => {
      void startResponse('200 OK', [['Content-Type', 'text/plain']])('Some output has been sent');
      return {
        *[Symbol.iterator]() {
          yield 'blah';
          throw new Error('This should be caught');
        },
        close: () => closed++,
      };
    });
    expect(closed).toBe(1);
  });

  const writing = async (error: Error) => {
    let errors = '';
    const stdout = {
      write() {
        throw error;
      },
    };
    const stderr = {
      write(text: string) {
        errors += text;
      },
    };
    await runWithCgi(nothing as Application, { environ: {}, stdin: '', stdout, stderr });
    return errors;
  };

  test('testClientConnectionTerminations: a client that leaves is no error', async () => {
    expect(await writing(new RequestError('client-gone', 'The client left', 500))).toBe('');
  });

  test('testDontResetInternalStateOnException: any other failure to write is logged', async () => {
    expect(await writing(new Error('CustomException'))).toContain('CustomException');
  });
});
