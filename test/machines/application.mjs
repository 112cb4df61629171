// An application that says which machine answers, takes a moment for it, and writes down each POST before it is answered.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { MACHINE = '', POSTS = '' } = process.env;

/** What is asked for, so that the client can tell whether it got all of it. */
export default async (environ, startResponse) => {
  const { PATH_INFO, QUERY_STRING, REQUEST_METHOD } = environ;
  if (REQUEST_METHOD === 'POST') appendFileSync(POSTS, `${QUERY_STRING} ${environ['wsgi.input'].read().toString()}\n`);
  if (PATH_INFO !== '/health') await sleep(PATH_INFO === '/slow' ? 1000 : 10);
  startResponse('200 OK', [
    ['Content-Type', 'text/plain'],
    ['X-Machine', MACHINE],
  ]);
  return [`${QUERY_STRING} `.repeat(Number(QUERY_STRING) % 300)];
};
