// The command run-with-cgi. As the interpreter of a CGI script (#!/usr/bin/env run-with-cgi) it starts for every request.
// So it first decides whether it is one, and loads the other commands only when one of them was asked for.

import './version.ts';
import { refusing } from '../gateway/refusing.ts';
import { guardStdout, runWithCgi } from '../index.ts';
import { loadApplication, parseTarget } from '../load/application.ts';
import { isCommandName } from './command-names.ts';

const { GATEWAY_INTERFACE, REQUEST_METHOD } = process.env;
const isRequest = Boolean(GATEWAY_INTERFACE || REQUEST_METHOD);
const [, , first, ...args] = process.argv;

// In a request the first argument is the script, whatever its name is. The arguments after it come from the query of the
// client, and must have no effect (RFC 3875 #14, CVE-2012-1823).
if (first !== undefined && (isRequest || isScript(first))) {
  guardStdout();
  const { path, callable } = parseTarget(first);
  loadApplication(path, callable, process.env.RUN_WITH_CGI_INTERFACE).then(
    ({ application, options }) => runWithCgi(application, options),
    (error: unknown) => runWithCgi(refusing(error)),
  );
} else {
  import('./commands.ts').then(({ runCommand }) => runCommand(first, args));
}

/** Whether `argument` names a script, which somebody tries out in a shell: ./hello.cgi */
function isScript(argument: string): boolean {
  return !argument.startsWith('-') && !isCommandName(argument) && process.getBuiltinModule('node:fs').existsSync(argument);
}
