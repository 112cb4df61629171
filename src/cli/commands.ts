// Which command was asked for, and what is said when it cannot be done.

import { createRequire } from 'node:module';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { RequestError } from '../errors.ts';
import { isAborted } from '../gateway/aborted.ts';
import { nearest, UserError } from '../load/user-error.ts';

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

<app> is a module that exports an application as "application" or by default,
calls runWithCgi(), or listens on a port, which stays closed; "app.js:name"
takes the export "name". Any other executable file is a CGI program.
"run-with-cgi <command> --help" tells more.

#!/usr/bin/env run-with-cgi
as the first line of such a module makes it a CGI script.
`;

/** Runs the command `name` and ends the process. */
export async function command(name: string | undefined, words: string[]): Promise<void> {
  try {
    process.exit(await dispatch(name, words));
  } catch (error) {
    if (isAborted(error)) process.exit(23); // as curl, when its reader has had enough
    if (error instanceof RequestError) {
      process.stderr.write(`run-with-cgi: ${error.message}\n`);
      process.exit(23);
    }
    if (!(error instanceof UserError)) throw error;
    const { cause: reason } = error;
    const cause =
      reason === undefined ? '' : `\n${typeof reason === 'string' ? reason : process.getBuiltinModule('node:util').inspect(reason)}`;
    process.stderr.write(`run-with-cgi: ${error.message} [${error.code}]${cause}\n`);
    process.exit(2);
  }
}

async function dispatch(name: string | undefined, words: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    print(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V' || name === '-v') {
    const { version } = createRequire(import.meta.url)('run-with-cgi/package.json');
    print(`${version}\n`);
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw unknown(name);
  const { run, usage } = await load();
  if (words.includes('--help') || words.includes('-h')) {
    print(usage);
    return 0;
  }
  return run(words);
}

/** On standard output. */
export function print(text: string): void {
  writeDescriptor(1, Buffer.from(text));
}

function unknown(name: string): UserError {
  const names = Object.keys(commands);
  if (/[./]/.test(name)) return new UserError('module-not-found', `There is no file ${name}`);
  const meant = nearest(name, names);
  return new UserError(
    'command-unknown',
    `There is no command ${name}; ${meant ? `did you mean ${meant}?` : `there are ${names.join(', ')}`}`,
  );
}

type Options = NonNullable<ParseArgsConfig['options']>;

type Arguments<Known extends Options> = Pick<
  ReturnType<typeof parseArgs<{ options: Known; allowPositionals: true; strict: true }>>,
  'values' | 'positionals'
> & {
  /** The options that have a value, in their order. */
  given: [option: string, value: string][];
};

/** Reads the words after a command by node:util's parseArgs; throws a `UserError` for what it does not know. */
export function read<Known extends Options>(words: string[], options: Known): Arguments<Known> {
  try {
    const args = withDashes(words, options);
    const { values, positionals, tokens } = parseArgs({ args, options, allowPositionals: true, strict: true, tokens: true });
    const given = tokens.flatMap((token): [string, string][] =>
      token.kind === 'option' && token.value !== undefined ? [[token.name, token.value]] : [],
    );
    return { values, positionals, given };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const [, option] = /^Unknown option '(-[^']+)'/.exec(message) ?? [];
    if (option === undefined) throw new UserError('option-wrong', message);
    const meant = nearest(
      option,
      Object.keys(options).map((name) => `--${name}`),
    );
    throw new UserError('option-wrong', `There is no option ${option}${meant ? `; did you mean ${meant}?` : ''}`);
  }
}

/** A value may begin with "-", as the body "-1", if it is no option. parseArgs takes that only behind "=". */
function withDashes(words: string[], options: Options): string[] {
  const { tokens } = parseArgs({ args: words, options, allowPositionals: true, strict: false, tokens: true });
  const shorts = new Set(Object.values(options).map(({ short }) => short));
  const isOption = (word: string) => (word.startsWith('--') ? word.slice(2) in options : shorts.has(word[1]));
  const args = [...words];
  for (const token of tokens.toReversed()) {
    if (token.kind !== 'option' || token.inlineValue !== false || !/^-./.test(token.value) || isOption(token.value)) continue;
    args.splice(token.index, 2, `${args[token.index]}${token.rawName.startsWith('--') ? '=' : ''}${token.value}`);
  }
  return args;
}
