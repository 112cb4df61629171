// run-with-cgi doctor: says what would go wrong with a CGI script under a web server, and what mends it.

import { lstatSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { writeDescriptor } from '../cgi/descriptor.ts';
import { findAccount } from '../doctor/account.ts';
import { examine } from '../doctor/index.ts';
import { isWell, toJson, toText } from '../doctor/report.ts';
import { SERVER_NAMES } from '../doctor/server/facts.ts';
import { isFile } from '../file-type.ts';
import { UserError } from '../load/user-error.ts';
import { parseArguments } from './arguments.ts';

export const usage = `Usage: run-with-cgi doctor <script> [options]

Says what would go wrong with a CGI script, in any language, under a web server,
and what mends it. Looks at the script and at its way; then runs it, as the
server's user and with no variables but a request's. Changes nothing itself.

  --as <user>        the user that the web server runs scripts as; only root can
                     run the script as somebody else. Default: the user of a web
                     server of this machine
  --server <name>    apache, lighttpd, busybox or nginx: reads its configuration,
                     its limits and its log, too
  --config <file>    the server's configuration, if it is not where the system
                     has it
  --suexec           the host starts scripts by suexec, as their owner: most
                     shared hosts do
  --path </path>     the path behind the script to ask for, with its query
  --safe             send GET and HEAD only; by default POST is sent, too
  --no-run           do not run the script
  --timeout <s>      seconds that one request may take. Default: 10
  --json             the report as JSON

The exit status is 0 if all is well, 1 if something fails or may fail, and 2 if
the command line is wrong.
`;

export const options = {
  as: { type: 'string' },
  server: { type: 'string' },
  config: { type: 'string' },
  suexec: { type: 'boolean' },
  path: { type: 'string' },
  safe: { type: 'boolean' },
  'no-run': { type: 'boolean' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
} as const;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, options);
  const [script, ...more] = positionals;
  if (script === undefined || more.length > 0) throw new UserError('option-wrong', 'Name one script to examine');
  if (!lstatSync(script, { throwIfNoEntry: false })) throw new UserError('module-not-found', `There is no file ${script}`);
  const account = values.as === undefined ? undefined : findAccount(values.as);
  if (values.as !== undefined && !account) throw new UserError('option-wrong', `--as must name a user of this machine, got ${values.as}`);
  if (values.path !== undefined && !values.path.startsWith('/')) {
    throw new UserError('path-wrong', `The path of --path must begin with "/", got ${values.path}`);
  }
  const timeout = Number(values.timeout ?? 10);
  if (!(timeout > 0 && timeout <= 3600))
    throw new UserError('option-wrong', `--timeout must be a number of seconds, got ${values.timeout}`);
  const server = SERVER_NAMES.find((name) => name === values.server);
  if (values.server !== undefined && !server)
    throw new UserError('option-wrong', `--server must be one of ${SERVER_NAMES.join(', ')}, got ${values.server}`);
  if (values.config !== undefined && !server) throw new UserError('option-wrong', '--config needs --server, too');
  if (values.config !== undefined && !isFile(values.config)) throw new UserError('option-wrong', `There is no file ${values.config}`);
  // exit() ends what runs: the script is the leader of a process group of its own, which the terminal does not signal.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(128 + constants.signals[signal]));
  const report = await examine(script, {
    account,
    server,
    config: values.config && resolve(values.config),
    suexec: values.suexec,
    runs: !values['no-run'],
    sendsPosts: !values.safe,
    askedPath: values.path,
    timeout: timeout * 1000,
  });
  const text = values.json ? toJson(report) : toText(report, process.stdout.isTTY === true && process.env.NO_COLOR === undefined);
  writeDescriptor(1, Buffer.from(text));
  return isWell(report) ? 0 : 1;
}
