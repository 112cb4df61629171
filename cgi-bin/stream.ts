// A block a moment: /stream.cgi?count=10&pause=200 sends ten lines, 200 ms apart.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Application, runWithCgi } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  const query = new URLSearchParams(environ.QUERY_STRING);
  const count = Number(query.get('count') ?? 10);
  const pause = Number(query.get('pause') ?? 200);
  if (!(count >= 0 && count <= 1000 && pause >= 0 && pause <= 10_000)) {
    startResponse('400 Bad Request', [['Content-Type', 'text/plain']]);
    return 'count goes up to 1000, pause up to 10000 ms\n';
  }
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return lines(count, pause);
};

async function* lines(count: number, pause: number): AsyncGenerator<string> {
  for (let line = 1; line <= count; line++) {
    if (line > 1) await sleep(pause);
    yield `block ${line}\n`;
  }
}

runWithCgi(application);
