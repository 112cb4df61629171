// The command run-with-cgi. As the interpreter of a CGI script (#!/usr/bin/env run-with-cgi) it stands on
// the path of every request, so that is decided first, and everything else is loaded only when it is asked for.

import './version.ts';
import { guardStdout, runWithCgi } from '../index.ts';
import { loadApplication, parseTarget } from '../load/application.ts';
import { isCommandName } from './command-names.ts';

const { GATEWAY_INTERFACE, REQUEST_METHOD } = process.env;
const isRequest = Boolean(GATEWAY_INTERFACE || REQUEST_METHOD);
const [, , first, ...args] = process.argv;

// In a request the first argument is the script, whatever its name, and the words after it come from the
// query of whoever asks (RFC 3875 #14, CVE-2012-1823).
if (first !== undefined && (isRequest || isScript(first))) {
  guardStdout();
  const { path, callable } = parseTarget(first);
  loadApplication(path, callable, process.env.RUN_WITH_CGI_INTERFACE).then(
    ({ application, options }) => runWithCgi(application, options),
    (problem: unknown) =>
      runWithCgi(() => {
        throw problem;
      }),
  );
} else {
  import('./commands.ts').then(({ runCommand }) => runCommand(first, args));
}

/** A script that is tried out in a shell: ./hello.cgi */
function isScript(word: string): boolean {
  return !word.startsWith('-') && !isCommandName(word) && process.getBuiltinModule('node:fs').existsSync(word);
}
