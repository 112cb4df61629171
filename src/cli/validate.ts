// run-with-cgi validate: sends an application the kinds of requests that every application meets, through the validator.

import { writeDescriptor } from '../cgi/descriptor.ts';
import { openErrors } from '../cgi/stderr.ts';
import { printTo } from '../cgi/stdout.ts';
import { UserError } from '../load/user-error.ts';
import { call, type TestRequest } from '../testing/index.ts';
import { type ContractError, validator } from '../validator/index.ts';
import { parseArguments } from './arguments.ts';
import { applicationOf } from './target.ts';

export const usage = `Usage: run-with-cgi validate <app> [path ...]

Sends requests of several kinds for each path ("/" by default) to an application
and reports which rules of the specification (SPEC.md) it breaks. The exit
status is 1 when it breaks a rule, or when a request failed.

  --interface <kind>  wsgi, fetch or node, if another kind is guessed
`;

export const options = { interface: { type: 'string' } } as const;

const KINDS: [name: string, request: (path: string) => TestRequest][] = [
  ['GET', (path) => ({ path })],
  ['HEAD', (path) => ({ path, method: 'HEAD' })],
  ['GET with a query and headers', (path) => ({ path: withQuery(path), headers: { Cookie: 'a=1', 'X-Bytes': '\xff\xfe' } })],
  ['POST of a form', (path) => ({ path, body: 'name=value', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })],
  ['POST of 2 MB', (path) => ({ path, body: 'x'.repeat(2_000_000), headers: { 'Content-Type': 'application/octet-stream' } })],
  ['POST of nothing', (path) => ({ path, body: '' })],
  ['a method that nobody knows', (path) => ({ path, method: 'FROBNICATE' })],
];

function withQuery(path: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}a=%20b&%FF`;
}

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [target, ...paths] = positionals;
  // The application prints to standard error: standard output is for the report.
  printTo(openErrors(2));
  const { application, origin, options: given } = await applicationOf(target, values.interface);
  const wrong = paths.find((path) => !path.startsWith('/'));
  if (wrong !== undefined) throw new UserError('path-wrong', `A path must begin with "/", got ${wrong}; make it "/${wrong}"`);

  const say = (line: string) => writeDescriptor(1, Buffer.from(`${line}\n`));
  say(`${origin}:`);
  let failures = 0;
  for (const path of paths.length > 0 ? paths : ['/']) {
    for (const [name, request] of KINDS) {
      const violations: ContractError[] = [];
      const validated = validator(application, { report: (violation) => violations.push(violation) });
      const response = await call(validated, { ...request(path), environ: given.env ?? {} });
      const failed = violations.length > 0 || response.status.startsWith('500') || !response.complete;
      if (failed) failures++;
      say(`  ${failed ? 'not ok' : 'ok'}  ${path}: ${name}: ${response.status}`);
      for (const message of new Set(violations.map(({ message }) => message))) say(`          ${message}`);
      if (failed && violations.length === 0) say(response.errors.replace(/^/gm, '          ').trimEnd());
    }
  }
  say(failures === 0 ? 'No rule was broken.' : `${failures} of these requests went wrong.`);
  // process.exit(), since the application may have timers and connections open.
  process.exit(failures === 0 ? 0 : 1);
}
