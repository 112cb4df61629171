// A script that writes its own HTTP response head: its name begins with "nph-", so the server passes it on as it is.

import { type Application, runWithCgi } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return `Hello over ${environ.SERVER_PROTOCOL}, without the server's help!\n`;
};

runWithCgi(application);
