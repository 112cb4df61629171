// A large file through the file wrapper: the one that DOWNLOAD_FILE names, or this script itself.

import { openSync } from 'node:fs';
import { basename } from 'node:path';
import { type Application, runWithCgi } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  // A variable that the server's administrator sets (SetEnv, setenv.add-environment), never the client.
  const path = String(environ.DOWNLOAD_FILE ?? __filename);
  const file = openSync(path, 'r');
  startResponse('200 OK', [
    ['Content-Type', 'application/octet-stream'],
    ['Content-Disposition', `attachment; filename="${basename(path)}"`],
  ]);
  return environ['wsgi.file_wrapper'](file);
};

runWithCgi(application);
