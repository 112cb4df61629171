// The smallest useful script.

import { type Application, runWithCgi } from 'run-with-cgi';

const application: Application = (_environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['Hello, world!\n'];
};

runWithCgi(application);
