// The page of `build --doctor`, for people who have no shell on the host: an Application that reports on the scripts in its own
// folder. It answers once, to a POST request that brings its token, and 404 to everything else.

import { createHash, timingSafeEqual } from 'node:crypto';
import { closeSync, existsSync, opendirSync, openSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { makePrivateFolder, temporaryFolder } from '../private-folder.ts';
import type { ApplicationFunction, Environ } from '../types.ts';
import { ownAccount } from './account.ts';
import { examine, type Report } from './index.ts';
import { toText } from './report.ts';

export interface DoctorPageOptions {
  /** The SHA-256 of the token, in hexadecimal digits. */
  digest: string;
  /** When the token ends, in milliseconds since 1970. */
  expires: number;
}

/** Bytes of a request body that are read. */
const MAX_BODY = 4096;
/** Entries of the folder that are looked at, and scripts that are examined. */
const MAX_ENTRIES = 1000;
const MAX_SCRIPTS = 20;
/** Milliseconds for one request to a script, and for the examinations after which no other one begins. */
const REQUEST_TIMEOUT = 5_000;
const TOTAL_TIME = 40_000;
/** Endings of files that are taken for scripts even if they are not executable. */
const SCRIPT_ENDING = /\.(?:f?cgi|pl|py|rb|sh)$/;
/** Names of variables whose values are no secrets: those of the request, and of the system. */
const PUBLIC_VARIABLE =
  /^(?:HTTP_(?!AUTHORIZATION|COOKIE)|(?:CONTENT|CONTEXT|DOCUMENT|GATEWAY|LC|REMOTE|REQUEST|SCRIPT|SERVER)_|PATH|QUERY_STRING|HOME$|LANG|PWD$|TMPDIR$|TZ$)/;
/** The least number of characters of a value that is hidden: shorter ones, such as "on", are words of the report, too. */
const MIN_SECRET = 6;

/** Returns the application of the page. */
export function doctorPage({ digest, expires }: DoctorPageOptions): ApplicationFunction {
  return (environ, startResponse) => {
    const respond = (status: string, text: string) => {
      startResponse(status, [
        ['Content-Type', 'text/plain; charset=utf-8'],
        ['Cache-Control', 'no-store'],
        ['X-Content-Type-Options', 'nosniff'],
      ]);
      return text;
    };
    const fields = environ.REQUEST_METHOD === 'POST' ? readFields(environ) : undefined;
    if (!fields || !matches(fields.get('token') ?? '', digest)) return respond('404 Not Found', '404 Not Found\n');
    if (Date.now() >= expires) return respond('403 Forbidden', 'The token has expired. Build the file anew.\n');

    const own = realpathSync(process.argv[1] ?? '');
    const folder = realpathSync(dirname(resolve(process.argv[1] ?? '')));
    const name = fields.get('script') ?? '';
    const found = name === '' ? listScripts(folder, own) : namedScript(folder, own, name);
    if (typeof found === 'string') return respond('404 Not Found', `${found}\n`);
    const claim = claimToken(folder, digest);
    if (claim !== undefined) return respond('403 Forbidden', `${claim}\n`);

    const hide = hidingSecrets(environ);
    const path = fields.get('path') ?? '';
    respond('200 OK', '');
    return reportOn(found, { hide, askedPath: path.startsWith('/') ? path : undefined, sendsPosts: fields.get('post') === '1' });
  };
}

/** Returns the fields of a form; undefined for a body that is too long. */
function readFields(environ: Environ): URLSearchParams | undefined {
  if (Number(environ.CONTENT_LENGTH ?? 0) > MAX_BODY) return undefined;
  const body = environ['wsgi.input'].read(MAX_BODY + 1);
  return body.length > MAX_BODY ? undefined : new URLSearchParams(body.toString('latin1'));
}

/** Whether `digest` is that of `token`. Takes the same time for every token of one length. */
function matches(token: string, digest: string): boolean {
  return timingSafeEqual(createHash('sha256').update(token).digest(), Buffer.from(digest, 'hex'));
}

/**
 * Marks the token as used by a new file beside the script or, where this process cannot write there, in the user's folder among the
 * temporary files. Returns a sentence where another request has done so, or where neither place can be written to. Of requests at
 * the same moment one gets undefined.
 */
function claimToken(folder: string, digest: string): string | undefined {
  const name = `.doctor-${digest.slice(0, 16)}.used`;
  const places = [folder, temporaryFolder()];
  if (places.some((place) => existsSync(join(place, name)))) return 'The token has been used. Build the file anew.';
  for (const place of places) {
    try {
      if (place !== folder && !makePrivateFolder(place)) continue;
      closeSync(openSync(join(place, name), 'wx', 0o600));
      return undefined;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return 'The token has been used. Build the file anew.';
    }
  }
  return `A token is for one report, and this process can write neither into ${folder} nor into ${temporaryFolder()} that there was one. So it gives none.`;
}

interface Scripts {
  paths: string[];
  /** Sentences about what is not examined. */
  omitted: string[];
}

/** Returns the scripts of `folder`, without `own`, that belong to the owner of `own`. */
function listScripts(folder: string, own: string): Scripts {
  const owner = statSync(own).uid;
  const names: string[] = [];
  const omitted: string[] = [];
  const directory = opendirSync(folder);
  for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
    if (names.push(entry.name) < MAX_ENTRIES) continue;
    omitted.push(`The folder has many entries; only ${MAX_ENTRIES} were looked at.`);
    break;
  }
  directory.closeSync();
  const paths: string[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile() || !isScript(name, stats)) continue;
    const real = realpathSync(path);
    if (real === own) continue;
    if (!isBelow(folder, real)) omitted.push(`${name} is a link that leads out of the folder.`);
    else if (stats.uid !== owner) omitted.push(`${name} belongs to another user than this file.`);
    else paths.push(path);
  }
  for (const path of paths.splice(MAX_SCRIPTS)) omitted.push(`${basename(path)}, since a report has ${MAX_SCRIPTS} scripts. Name it.`);
  return { paths, omitted };
}

/** Returns the script that a request names; a sentence where it may not be examined. */
function namedScript(folder: string, own: string, name: string): Scripts | string {
  const refusal = 'The folder of this file has no such script, or the script belongs to another user.';
  if (isAbsolute(name) || name.includes('\0')) return refusal;
  try {
    const path = realpathSync(join(folder, name));
    const stats = statSync(path);
    const isOurs = isBelow(folder, path) && path !== own && stats.uid === statSync(own).uid;
    return isOurs && stats.isFile() && isScript(basename(path), stats) ? { paths: [path], omitted: [] } : refusal;
  } catch {
    return refusal;
  }
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Whether a file is taken for a script: other files are not shown, because their first lines may be secrets. */
function isScript(name: string, { mode }: Stats): boolean {
  return !name.startsWith('.') && ((mode & 0o111) !== 0 || SCRIPT_ENDING.test(name));
}

/** Returns a function that puts the name of a variable in the place of its value, for each one that may be a secret. */
function hidingSecrets(environ: Environ): (text: string) => string {
  const secrets = Object.entries(environ).flatMap(([name, value]) =>
    typeof value !== 'string' || PUBLIC_VARIABLE.test(name)
      ? []
      : value
          .split('\n')
          .filter((line) => line.length >= MIN_SECRET && !line.startsWith('/'))
          .flatMap((line) => [line, Buffer.from(line, 'latin1').toString()].map((text) => [text, `[${name}]`] as const)),
  );
  return (text) => secrets.reduce((shown, [secret, name]) => shown.replaceAll(secret, name), text);
}

interface ReportOptions {
  hide(text: string): string;
  askedPath: string | undefined;
  sendsPosts: boolean;
}

/** Examines the scripts one by one, and returns the report of each as soon as there is one: servers give up a silent script. */
async function* reportOn({ paths, omitted }: Scripts, { hide, askedPath, sendsPosts }: ReportOptions): AsyncGenerator<string> {
  const account = ownAccount();
  const began = Date.now();
  for (const path of paths) {
    if (Date.now() - began > TOTAL_TIME) {
      omitted.push(`${basename(path)}, since the others took too long. Name it.`);
      continue;
    }
    const report = await examine(path, {
      // No server should run scripts as root; for one that does, examine() takes another user.
      account: account.uid === 0 ? undefined : account,
      serverPath: process.env.PATH ?? null,
      sendsPosts,
      askedPath,
      timeout: REQUEST_TIMEOUT,
    });
    const shown: Report = JSON.parse(JSON.stringify(report), (_key, value) => (typeof value === 'string' ? hide(value) : value));
    yield `${toText(shown, false)}\n`;
  }
  if (paths.length === 0) yield 'There is no script to examine.\n\n';
  if (omitted.length > 0) yield `Not examined:\n${omitted.map((sentence) => `  ${sentence}\n`).join('')}\n`;
  yield 'The token is used up. Remove this file from the server.\n';
}
