// One of each failure, by path-info: what the client sees, and what the log says, when an application breaks.

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Application, type ApplicationFunction, runWithCgi } from 'run-with-cgi';

const TEXT: [string, string][] = [['Content-Type', 'text/plain']];

const failures: Record<string, ApplicationFunction> = {
  '/throw': () => {
    throw new Error('thrown before startResponse()');
  },
  '/reject': async () => {
    throw new Error('rejected before startResponse()');
  },
  '/throw-after-start': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    throw new Error('thrown after startResponse()');
  },
  '/throw-in-body': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (function* () {
      yield 'the beginning\n';
      throw new Error('thrown in the middle of the body');
    })();
  },
  '/uncaught': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    setTimeout(() => {
      throw new Error('thrown where nobody catches it');
    }, 10);
    return sleep(60_000, 'never sent\n');
  },
  '/unhandled-rejection': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    void Promise.reject(new Error('rejected where nobody handles it'));
    return sleep(60_000, 'never sent\n');
  },
  '/no-start': () => 'a body without a head\n',
  '/no-body': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return null;
  },
  '/never': () => new Promise(() => {}),
  '/exit': () => process.exit(0),
  '/exit-in-body': (_environ, startResponse) => {
    startResponse('200 OK', TEXT);
    return (function* () {
      yield 'the beginning\n';
      process.exit(0);
    })();
  },
  '/too-long': (_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ['Content-Length', '4']]);
    return ['more than four bytes\n'];
  },
  '/too-short': (_environ, startResponse) => {
    startResponse('200 OK', [...TEXT, ['Content-Length', '400']]);
    return ['less\n'];
  },
  '/bad-status': (_environ, startResponse) => {
    startResponse('OK', TEXT);
    return '';
  },
  '/bad-header': (_environ, startResponse) => {
    startResponse('200 OK', [['X-Split', 'a\r\nX-Injected: b']]);
    return '';
  },
  '/hop-by-hop': (_environ, startResponse) => {
    startResponse('200 OK', [['Connection', 'close']]);
    return '';
  },
  '/print': (_environ, startResponse) => {
    console.log('printed by console.log');
    process.stdout.write('printed by process.stdout.write\n');
    startResponse('200 OK', TEXT);
    return 'only this\n';
  },
  '/child': (_environ, startResponse) => {
    spawn('/bin/sleep', ['5'], { detached: true, stdio: ['inherit', 'inherit', 'ignore'] }).unref();
    startResponse('200 OK', TEXT);
    return 'a child lives on\n';
  },
  '/open-handle': (_environ, startResponse) => {
    setInterval(() => {}, 1000);
    startResponse('200 OK', TEXT);
    return 'a timer lives on\n';
  },
};

const application: Application = (environ, startResponse) => {
  const failure = failures[environ.PATH_INFO];
  if (failure) return failure(environ, startResponse);
  startResponse(environ.PATH_INFO === '' || environ.PATH_INFO === '/' ? '200 OK' : '404 Not Found', TEXT);
  return Object.keys(failures).map((path) => `${environ.SCRIPT_NAME}${path}\n`);
};

runWithCgi(application, { timeout: 30_000 });
