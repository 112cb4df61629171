// Runs the command that was asked for, and turns what it throws into a message and an exit status.

import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { RequestError } from '../errors.ts';
import { isAborted } from '../gateway/interruptions.ts';
import { nearest } from '../load/nearest.ts';
import { UserError } from '../load/user-error.ts';
import { asksForHelp, type Options } from './arguments.ts';
import { COMMAND_NAMES, type CommandName, isCommandName } from './command-names.ts';

interface Command {
  /** Runs the command and returns the exit status. */
  run(args: string[]): Promise<number>;
  options: Options;
  usage: string;
}

const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  request: () => import('./request.ts'),
  serve: () => import('./serve.ts'),
  validate: () => import('./validate.ts'),
  doctor: () => import('./doctor.ts'),
  build: () => import('./build.ts'),
  init: () => import('./init.ts'),
  fastcgi: () => import('./fastcgi.ts'),
  scgi: () => import('./scgi.ts'),
};

const USAGE = `Usage: run-with-cgi <command> [options]

  request <app> <path>   send an application one request from the shell
  serve <app or folder>  start a development server
  validate <app>         check an application against the specification
  doctor <script>        say why a CGI script fails, and what mends it
  build <app> -o <file>  make one executable file that needs no node_modules
  init <server>          print the configuration of a web server
  fastcgi <app>          stay, and answer a web server by FastCGI
  scgi <app>             stay, and answer a web server by SCGI

<app> is a module that exports an application as "application" or by default,
that calls runWithCgi(), or that listens on a port; the port stays closed.
"app.js:name" takes the export "name". Any other executable file is a CGI
program. "run-with-cgi <command> --help" tells more.

A module becomes a CGI script by the first line
#!/usr/bin/env run-with-cgi
`;

/** The exit status when the response could not be written; curl has the same one. */
const NOT_WRITTEN = 23;

/** Runs the command `name` and ends the process: with the command's exit status, or with 2 after a `UserError`. */
export async function runCommand(name: string | undefined, args: string[]): Promise<void> {
  try {
    process.exit(await dispatch(name, args));
  } catch (error) {
    if (isAborted(error)) process.exit(NOT_WRITTEN);
    if (error instanceof RequestError) {
      process.stderr.write(`run-with-cgi: ${error.message}\n`);
      process.exit(NOT_WRITTEN);
    }
    if (!(error instanceof UserError)) throw error;
    const { cause } = error;
    const details = cause === undefined ? '' : `\n${typeof cause === 'string' ? cause : inspect(cause)}`;
    process.stderr.write(`run-with-cgi: ${error.message} [${error.code}]${details}\n`);
    process.exit(2);
  }
}

async function dispatch(name: string | undefined, args: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    print(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V' || name === '-v') {
    const { version } = createRequire(import.meta.url)('run-with-cgi/package.json');
    print(`${version}\n`);
    return 0;
  }
  if (!isCommandName(name)) throw unknownCommand(name);
  const { run, options, usage } = await COMMANDS[name]();
  if (asksForHelp(args, options)) {
    print(usage);
    return 0;
  }
  return run(args);
}

function print(text: string): void {
  writeDescriptor(1, Buffer.from(text));
}

function unknownCommand(name: string): UserError {
  if (/[./]/.test(name)) return new UserError('module-not-found', `There is no file ${name}`);
  const meant = nearest(name, COMMAND_NAMES);
  return new UserError(
    'command-unknown',
    `There is no command ${name}; ${meant ? `did you mean ${meant}?` : `there are ${COMMAND_NAMES.join(', ')}`}`,
  );
}
