// run-with-cgi init: prints the configuration of a web server, with the author's own paths in it.

import { dirname } from 'node:path';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { nearest } from '../load/nearest.ts';
import { UserError } from '../load/user-error.ts';
import { parseArguments } from './arguments.ts';
import { isRecipeName, RECIPES, type Recipe, type RecipeName, readRecipe } from './recipes.ts';

export const usage = `Usage: run-with-cgi init <server> [options]

Prints the configuration by which a web server runs CGI scripts, or passes
requests to an application that stays. The first lines, all comments, say where
the configuration goes, what to do then, and what to know.

  for CGI                    apache, htaccess, lighttpd, busybox, uwsgi,
                             mini-httpd, nginx-fcgiwrap, python
  for FastCGI                nginx-fastcgi, apache-fastcgi, lighttpd-fastcgi,
                             caddy, haproxy, h2o
  for FastCGI, started by    apache-fcgid, lighttpd-bin-path
  the web server
  for SCGI                   nginx-scgi, apache-scgi, lighttpd-scgi

  --root <folder>     the folder that has the folder cgi-bin.
                      Default: /srv/www
  --path </path>      the URL path of the application that stays. Default: /app
  --socket <path>     its socket. Default: /run/app/app.sock
  --port <number>     its port. Default: 9000
  --script <path>     the built file that the web server starts.
                      Default: /srv/app/app.cgi
`;

export const options = {
  root: { type: 'string' },
  path: { type: 'string' },
  socket: { type: 'string' },
  port: { type: 'string' },
  script: { type: 'string' },
} as const;

type Name = keyof typeof options;

/** What the recipes have in the place of the author's own. The longer ones come first, since they have "/app" in them, too. */
const PLACEHOLDER = /\/run\/app\/app\.sock|\/srv\/app\/app\.cgi|\/srv\/app|\/srv\/www|\b9000\b|\/app(?![\w.])/g;

/** By the placeholder: the option for it. "/srv/app" is the folder of the script. */
const OPTIONS: Readonly<Record<string, Name>> = {
  '/run/app/app.sock': 'socket',
  '/srv/app/app.cgi': 'script',
  '/srv/app': 'script',
  '/srv/www': 'root',
  9000: 'port',
  '/app': 'path',
};

export async function run(args: string[]): Promise<number> {
  const { values, positionals, inOrder } = parseArguments(args, options);
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new UserError('option-wrong', `Name one web server: ${RECIPES.join(', ')}`);
  if (!isRecipeName(name)) {
    const meant = nearest(name, RECIPES);
    throw new UserError(
      'option-wrong',
      `There is no recipe ${name}; ${meant ? `did you mean ${meant}?` : `there are ${RECIPES.join(', ')}`}`,
    );
  }
  const recipe = readRecipe(name);
  for (const [option, value] of inOrder) checkValue(option, value);
  const used = new Set<string>();
  const text = `${introduction(name, recipe)}${recipe.content}`.replace(PLACEHOLDER, (placeholder) => {
    const option = OPTIONS[placeholder];
    const value = option && values[option];
    if (option === undefined || value === undefined) return placeholder;
    used.add(option);
    return placeholder === '/srv/app' ? dirname(value) : value;
  });
  const unused = Object.keys(values).find((option) => !used.has(option));
  if (unused !== undefined) throw new UserError('option-wrong', `--${unused} is not for ${name}`);
  writeDescriptor(1, Buffer.from(text));
  return 0;
}

/** Throws a `UserError` for a value that would mean something else in a configuration, such as one with quotes. */
function checkValue(option: string, value: string): void {
  if (option === 'port') {
    if (/^[1-9]\d{0,4}$/.test(value) && Number(value) < 65_536) return;
    throw new UserError('option-wrong', `--port must be a number from 1 to 65535, got ${value}`);
  }
  if (/^(?:\/[\w.~@+-]+)+$/.test(value)) return;
  throw new UserError('option-wrong', `--${option} must be an absolute path of plain characters, without a slash at its end, got ${value}`);
}

/** Comments for the beginning of a file; all that there is for a web server without one. */
function introduction(name: RecipeName, { title, file, commands, notes }: Recipe): string {
  const paragraphs = notes.map((note) => fold(`- ${note}`, '  '));
  if (file === undefined) return `${comment([`${title}.`, ...paragraphs])}${commands.map((command) => `${command}\n`).join('')}`;
  // The file belongs into a folder that the package of the server makes.
  const isInstallation = (command: string) => command.startsWith('apt-get install');
  const before = steps('First', commands.filter(isInstallation));
  const after = steps(
    'Then',
    commands.filter((command) => !isInstallation(command)),
  );
  return comment([`${title}: ${file}`, ...before, ...startCommand(name), ...after, ...paragraphs]);
}

function steps(order: 'First' | 'Then', commands: readonly string[]): string[] {
  return commands.length > 0 ? [`${order}, as root:\n${commands.map((command) => `  ${command}`).join('\n')}`] : [];
}

/** The command that starts the application that stays, where the web server does not. */
function startCommand(name: RecipeName): string[] {
  const [, protocol] = /-(fastcgi|scgi)$/.exec(name) ?? (['caddy', 'haproxy', 'h2o'].includes(name) ? ['', 'fastcgi'] : []);
  if (protocol === undefined) return [];
  const address = ['apache-scgi', 'lighttpd-scgi'].includes(name) ? '--port 9000' : '--socket /run/app/app.sock';
  const ownLog = name === 'caddy' ? ' --own-log' : '';
  return [`The application:\n  run-with-cgi ${protocol} app.mjs ${address} --script-name /app${ownLog}`];
}

/** The width of comments, without "# ". */
const WIDTH = 78;

function comment(paragraphs: readonly string[]): string {
  return `${paragraphs.join('\n').replace(/^/gm, '# ').replace(/ +$/gm, '')}\n`;
}

/** Breaks a paragraph into lines; `indent` begins all lines but the first. */
function fold(text: string, indent: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= WIDTH) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
