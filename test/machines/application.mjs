// An application that takes a moment, writes down each POST before it answers, and says which machine it was.

import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { MACHINE = '', POSTS = '' } = process.env;

export default async (environ, startResponse) => {
  const { PATH_INFO, QUERY_STRING, REQUEST_METHOD } = environ;
  if (REQUEST_METHOD === 'POST') appendFileSync(POSTS, `${PATH_INFO} ${QUERY_STRING} ${environ['wsgi.input'].read()}\n`);
  if (PATH_INFO !== '/health') await sleep(10);
  startResponse('200 OK', [
    ['Content-Type', 'text/plain'],
    ['X-Machine', MACHINE],
  ]);
  return [`${QUERY_STRING} `.repeat(Number(QUERY_STRING) % 300)];
};
