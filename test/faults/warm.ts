// The application of a warm script in the fault harness. Its worker has no journal.

import type { ApplicationFunction } from 'run-with-cgi';

const application: ApplicationFunction = (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return environ.REQUEST_METHOD === 'POST' ? [environ['wsgi.input'].read()] : ['hello\n'];
};

export default application;
