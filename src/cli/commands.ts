// Which command was asked for, and what is said when it cannot be done.

import { createRequire } from 'node:module';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest, Problem } from './problem.ts';

interface Command {
  /** Does it, and returns the exit status. */
  run(words: string[]): Promise<number>;
  usage: string;
}

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  request: () => import('./request.ts'),
  serve: () => import('./serve.ts'),
  validate: () => import('./validate.ts'),
  build: () => import('./build.ts'),
  fastcgi: () => import('./fastcgi.ts'),
  scgi: () => import('./scgi.ts'),
};

const USAGE = `Usage: run-with-cgi <command> [options]

  request <app> <path>   one request from the shell
  serve <app or folder>  a development server
  validate <app>         checks an application against the specification
  build <app> -o <file>  one executable file that needs no node_modules
  fastcgi <app>          stays, and answers a web server by FastCGI
  scgi <app>             the same by SCGI

<app> is a module that exports an application as "application" or by default, or
calls runWithCgi(); "app.js:name" takes the export "name". Any other executable
file is a CGI program. "run-with-cgi <command> --help" tells more.

#!/usr/bin/env run-with-cgi
as the first line of such a module makes it a CGI script.
`;

/** Runs the command `name` and ends the process. */
export async function command(name: string | undefined, words: string[]): Promise<void> {
  try {
    process.exit(await dispatch(name, words));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const cause = error.cause === undefined ? '' : `\n${process.getBuiltinModule('node:util').inspect(error.cause)}`;
    process.stderr.write(`run-with-cgi: ${error.message} [${error.code}]${cause}\n`);
    process.exit(2);
  }
}

async function dispatch(name: string | undefined, words: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    const { version } = createRequire(import.meta.url)('run-with-cgi/package.json');
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw unknown(name);
  const { run, usage } = await load();
  if (words.includes('--help') || words.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  return run(words);
}

function unknown(name: string): Problem {
  const names = Object.keys(commands);
  if (/[./]/.test(name)) return new Problem('module-not-found', `There is no file ${name}`);
  const meant = nearest(name, names);
  return new Problem(
    'command-unknown',
    `There is no command ${name}; ${meant ? `did you mean ${meant}?` : `there are ${names.join(', ')}`}`,
  );
}

type Arguments<Options extends NonNullable<ParseArgsConfig['options']>> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: true; strict: true }>
>;

/** Reads the words after a command by node:util's parseArgs; throws a `Problem` for what it does not know. */
export function read<Options extends NonNullable<ParseArgsConfig['options']>>(words: string[], options: Options): Arguments<Options> {
  try {
    return parseArgs({ args: words, options, allowPositionals: true, strict: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, option] = /^Unknown option '(-[^']+)'/.exec(message) ?? [];
    if (option === undefined) throw new Problem('option-wrong', message);
    const meant = nearest(
      option,
      Object.keys(options).map((name) => `--${name}`),
    );
    throw new Problem('option-wrong', `There is no option ${option}${meant ? `; did you mean ${meant}?` : ''}`);
  }
}
