// Sends any request body back, block by block, without ever holding all of it.

import { type Application, runWithCgi } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  startResponse('200 OK', [
    ['Content-Type', environ.CONTENT_TYPE ?? 'application/octet-stream'],
    ...(environ.CONTENT_LENGTH === undefined ? [] : [['Content-Length', environ.CONTENT_LENGTH] as [string, string]]),
  ]);
  return blocks(environ['wsgi.input']);
};

function* blocks(input: { read(size: number): Uint8Array }): Generator<Uint8Array> {
  for (let block = input.read(65_536); block.length > 0; block = input.read(65_536)) yield block;
}

runWithCgi(application);
