// What a warm CGI script does before its application is loaded: in a request's process it starts the worker that
// later requests go to, and in the worker's process it keeps the application for them.

import { captureApplications } from '../cgi/hand-over.ts';
import { startWorker, takeSocketPath } from './start.ts';

/** The names that the builder gives by --keep-env, with spaces between them. */
declare const __runWithCgiKeepEnv: string;

const waiting = takeSocketPath('RUN_WITH_CGI_WARM');
const own = takeSocketPath('RUN_WITH_CGI_WARM_WORKER');
if (own !== undefined) {
  captureApplications(({ application, options }) => {
    import('./worker.ts').then(({ work }) => work(application, options, own));
  });
} else if (waiting !== undefined) {
  startWorker(waiting, __runWithCgiKeepEnv.split(' '));
}
