// A warm script runs this before it loads its application. The process of a request starts the worker, which answers later
// requests. The process of the worker takes the application and serves it.

import { captureApplications } from '../cgi/capture.ts';
import { startWorker, takeSocketPath } from './start.ts';

/** The names of `build --keep-env`, separated by spaces. The bundler defines this. */
declare const __runWithCgiKeepEnv: string;

// The shell or Perl sets the first variable, startWorker the second one.
const wantedSocket = takeSocketPath('RUN_WITH_CGI_WARM');
const ownSocket = takeSocketPath('RUN_WITH_CGI_WARM_WORKER');
if (ownSocket !== undefined) {
  captureApplications(({ application, options }) => {
    import('./worker.ts').then(({ runWorker }) => runWorker(application, options, ownSocket));
  });
} else if (wantedSocket !== undefined) {
  startWorker(wantedSocket, __runWithCgiKeepEnv.split(' '));
}
