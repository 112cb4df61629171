// A FastCGI program as web servers and spawn-fcgi start it: descriptor 0 listens.

import { serveFastCgi } from '../../src/fastcgi/index.ts';
import type { Application } from '../../src/types.ts';

const application: Application = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return `${process.pid} ${environ.SCRIPT_NAME}${environ.PATH_INFO}`;
};

const server = serveFastCgi(application);
process.once('SIGTERM', () => server.close());
