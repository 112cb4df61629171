// Runs a script with a small set of requests and says what a web server and its clients would meet.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import type { Account } from './account.ts';
import type { Program } from './deployment.ts';
import { type Finding, type FindingCode, type Mend, quote, type Severity } from './finding.ts';
import { buildAdvice, findCause } from './log.ts';
import { makeRequest, type Request, type RequestOptions } from './requests.ts';
import { examineResponse, type Response } from './response.ts';
import { type Run, run } from './run.ts';
import type { ServerFacts } from './server/facts.ts';

export interface TrialOptions {
  /** The absolute path of the script. */
  path: string;
  /** The account that the script runs as. */
  account: Account;
  server: ServerFacts;
  /** The program that reads the script, for its shortest time; undefined where that is not known. */
  program: Program | undefined;
  /** Whether `build` has made the script. */
  isBuilt: boolean;
  /** Variables for every request, beside those of CGI. */
  variables: Readonly<Record<string, string>>;
  /** The path behind the script that is asked for, with its query. Default: none. */
  askedPath: string | undefined;
  /** Whether to send POST requests, too. */
  sendsPosts: boolean;
  /** Milliseconds that one request may take. */
  timeout: number;
}

export interface Trials {
  findings: Finding[];
  /** What each request was answered by, in its order. */
  answers: string[];
  /** Sentences about what could not be looked at, or ended. */
  unseen: string[];
}

/** The password and the cookie that `askWithSecrets` sends. Nothing else in a request contains this text. */
const SECRET = 'cnVuLXdpdGgtY2dpOmRvY3Rvcg';
/** Milliseconds above the interpreter's own start from which a script is slow, and from which it is very slow. */
const SLOW = 300;
const VERY_SLOW = 3_000;
/** How often a request is sent that seems to be slow. */
const ROUNDS = 3;
/** Reminds people who have only run the script in a shell. */
const VARIABLES = 'The script got no variables but those of a request, as under a server: what your shell exports is not there.';
/** Interpreters that end at once when they run an empty file. */
const MEASURABLE = /^(?:node|python[\d.]*|perl|ruby|sh|bash|dash)$/;
/** What shows a reader of a page where an error was thrown, in one line: in Node, Python, Perl and PHP. */
const STACK =
  / at (?:[^(]{0,300}\()?(?:file:\/\/|node:)?\/?[\w./-]{1,500}:\d+:\d+|&nbsp;at .{0,500}?:\d+:\d+|Traceback \(most recent call last\)|(?:Fatal error|Warning)<?\/?b?>?: .{0,200}? in .{0,200}? on line|at \/[^\s:]{1,500}\.p[lm] line \d+/;
/** Characters of a page that are searched for a stack, and of each of its lines. */
const MAX_SEARCHED = 64 * 1024;
const MAX_LINE = 2_000;

/** Runs the script `options.path`. Returns after a handful of runs, each of which ends in time. */
export async function tryScript(options: TrialOptions): Promise<Trials> {
  const trials = new TrialRuns(options);
  const { askedPath } = options;
  const [pathInfo, query = ''] = askedPath?.split(/\?(.*)/s) ?? [];
  const asked: RequestOptions = { pathInfo, query };
  const first = await trials.ask(asked);
  if (first?.status === undefined) {
    await trials.tryWithoutLimits(asked);
    return trials;
  }
  const second = await trials.measure(asked);
  if (askedPath === undefined && first.status === 404) await trials.findMount();
  if (first.status === 401) trials.noteAuthorization(first);
  await trials.ask({ ...asked, method: 'HEAD' });
  await trials.askWithSecrets(asked);
  if (options.sendsPosts) {
    await trials.askWithOpenInput(asked, second);
    await trials.ask({ ...asked, method: 'POST', body: '{', variables: { CONTENT_TYPE: 'application/json' } });
  }
  return trials;
}

class TrialRuns implements Trials {
  readonly findings: Finding[] = [];
  readonly answers: string[] = [];
  readonly unseen: string[] = [];
  #options: TrialOptions;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** Sends a request and examines the answer. Returns undefined for one that was not complete. */
  async ask(request: RequestOptions): Promise<Response | undefined> {
    const made = this.#make(request);
    return this.#examine(made, await this.#run(made));
  }

  /** Sends a request again, and returns its time in milliseconds; compares that with the time of the interpreter alone. */
  async measure(request: RequestOptions): Promise<number> {
    const { account, server, program, isBuilt, timeout, path } = this.#options;
    const made = this.#make(request);
    const empty = program !== undefined && MEASURABLE.test(program.name) ? program.path : undefined;
    const alone = { account, limits: server.limits, variables: { PATH: made.variables.PATH ?? '' }, timeout };
    let milliseconds = Infinity;
    let floor: number | undefined;
    // A single slow run may come from whatever else the machine does. The shortest times count.
    for (let round = 0; round < ROUNDS && milliseconds - (floor ?? 0) > SLOW; round++) {
      milliseconds = Math.min(milliseconds, (await this.#run(made)).milliseconds);
      const shortest = empty === undefined ? undefined : await run([empty, '/dev/null'], alone);
      if (shortest?.end === 'exit status 0') floor = Math.min(floor ?? Infinity, shortest.milliseconds);
    }
    const compared = floor === undefined ? '' : `; ${program?.name} takes ${Math.round(floor)} ms for an empty file`;
    this.answers.push(`${made.name} again: ${Math.round(milliseconds)} ms${compared}`);
    const over = milliseconds - (floor ?? 0);
    if (over > SLOW) {
      this.#add(
        'slow-start',
        over > VERY_SLOW ? 'may-fail' : 'note',
        made.name,
        `The answer takes ${Math.round(milliseconds)} ms${compared}. A server starts the script anew for each request, so this is the time of every page.`,
        [
          isBuilt
            ? { change: 'Let it stay between requests: build --warm, or the commands fastcgi and scgi.' }
            : /^(?:node|run-with-cgi)$/.test(program?.name ?? '')
              ? { change: 'Build the script (npx run-with-cgi build), or let it stay: build --warm, or the commands fastcgi and scgi.' }
              : { change: `Find out what ${basename(path)} loads and connects to when it starts.` },
        ],
      );
    }
    return milliseconds;
  }

  /** Runs a script that has not answered without the limits of the server, and says whether it is these that keep it from answering. */
  async tryWithoutLimits(request: RequestOptions): Promise<void> {
    const { path, account, server, timeout } = this.#options;
    const { addressSpace, processes } = server.limits;
    if (addressSpace === undefined && processes === undefined) return;
    const { variables, body, name } = this.#make(request);
    const { output } = await run(this.#argv, { account, limits: {}, variables, body, timeout });
    if (examineResponse(output, path, 'GET', name).status === undefined) return;
    const limits = [
      addressSpace === undefined ? '' : `${Math.round(addressSpace / 1e6)} MB of address space (ulimit -v, RLimitMEM)`,
      processes === undefined ? '' : `${processes} processes and threads (ulimit -u, RLimitNPROC)`,
    ];
    // What the first run has left in its log came from the limit.
    this.findings.length = 0;
    this.#add(
      addressSpace === undefined ? 'limit-processes' : 'limit-address-space',
      'fails',
      path,
      `The script answers without the limits of the server, and not with them: ${limits.filter((limit) => limit !== '').join(', ')}. Node reserves far more address space than it uses, from 1 to 2 GB, and starts about ten threads.`,
      [
        {
          change:
            'Raise or remove the limit: RLimitMEM and RLimitNPROC of Apache, LimitAS and LimitNPROC of systemd, ulimit in the script that starts the server.',
        },
      ],
    );
  }

  /** Finds out whether an application answers 404 because it takes no notice of the path at which it is mounted. */
  async findMount(): Promise<void> {
    const below = await this.ask({ pathInfo: '/' });
    if (below === undefined || below.status !== 404) return;
    const atRoot = await this.#tryMount({ scriptName: '', pathInfo: '/' });
    const mount = `/cgi-bin/${basename(this.#options.path)}`;
    if (atRoot !== undefined && atRoot.status !== 404 && (atRoot.status ?? 500) < 500) {
      this.#add(
        'mount-unknown',
        'fails',
        `GET ${mount}/`,
        `The answer is 404, and ${atRoot.status} for the same script at the root of a server. The application does not know where it is mounted: a server gives that by SCRIPT_NAME (${mount}), and the path behind it by PATH_INFO.`,
        [
          { change: 'Route by PATH_INFO, not by REQUEST_URI; or give the router the base path SCRIPT_NAME.' },
          { change: 'Or let the server hide the path of the script, by ScriptAlias / …/script.cgi/ or a rewrite rule.' },
        ],
      );
      return;
    }
    this.#add('answers-404', 'note', `GET ${mount}/`, 'The application has no page at its root, so the examination saw little of it.', [
      { run: `npx run-with-cgi doctor ${quote(this.#options.path)} --path /a/page/that/exists` },
    ]);
  }

  /** Notes that the application asks for a password, which not every server passes on. */
  noteAuthorization(response: Response): void {
    const { passesAuthorization } = this.#options.server;
    if (passesAuthorization === true || !response.headers.some(([name]) => name === 'www-authenticate')) return;
    this.#add(
      'authorization-missing',
      passesAuthorization === false ? 'fails' : 'note',
      'GET: 401',
      `The application asks for a password. Apache does not pass the header Authorization to CGI scripts unless it is told to${passesAuthorization === false ? ', and its configuration does not say so' : ''}.`,
      [
        { change: 'Write "CGIPassAuth On" into the <Directory> of the script, or into .htaccess:' },
        { change: 'SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1' },
      ],
    );
  }

  /** Sends a request with a password, a cookie and a proxy in it, and looks for them in the log and in the answer. */
  async askWithSecrets(request: RequestOptions): Promise<void> {
    const proxy = await listen();
    const variables = {
      HTTP_AUTHORIZATION: `Basic ${SECRET}`,
      HTTP_COOKIE: `session=${SECRET}`,
      HTTP_PROXY: `http://127.0.0.1:${proxy.port}/`,
    };
    const made = this.#make({ ...request, query: request.query || 'a=%20b&%FF', variables });
    const done = await this.#run(made);
    proxy.close();
    if (proxy.wasAsked) {
      this.#add(
        'http-proxy-used',
        'may-fail',
        made.name,
        'The script connected to the address in HTTP_PROXY. Under CGI that variable is the header "Proxy:" of the client, so any client can read what the script asks other servers for (httpoxy). Apache and lighttpd drop the header; busybox httpd, nginx, Caddy and uwsgi pass it on.',
        [
          {
            change:
              'Remove HTTP_PROXY from the environment before anything reads it; a script of runWithCgi has none. Or drop the header in the server: RequestHeader unset Proxy; fastcgi_param HTTP_PROXY "".',
          },
        ],
      );
    }
    const isSecret = (text: string) => text.includes(SECRET);
    if (isSecret(done.log)) {
      this.#add(
        'secret-in-log',
        'may-fail',
        made.name,
        "The script writes the client's Authorization or Cookie header to standard error, which is the server's log. Many people read logs.",
        [{ change: 'Leave these headers out of what is logged.' }],
        excerpt(done.log, SECRET),
      );
    }
    const response = this.#examine(made, done);
    if (response !== undefined && isSecret(response.body)) {
      this.#add(
        'secret-in-response',
        'note',
        made.name,
        "The page shows the client's Authorization or Cookie header. Whatever else can read the page can read the password.",
        [{ change: 'Remove a page that shows the environment, once it has been read.' }],
      );
    }
  }

  /** Sends a POST request whose input stays open behind the body, as some servers leave it. */
  async askWithOpenInput(request: RequestOptions, usual: number): Promise<void> {
    const { account, server, timeout } = this.#options;
    const made = this.#make({ ...request, method: 'POST', body: 'name=doctor' });
    const inputStaysOpen = Math.min(timeout / 2, 1_500 + 3 * usual);
    const runWith = (inputStaysOpen: number) =>
      run(this.#argv, { account, limits: server.limits, variables: made.variables, body: made.body, inputStaysOpen, timeout });
    const done = await runWith(inputStaysOpen);
    const response = this.#examine(made, done);
    if (response === undefined || done.ended === undefined || done.ended < inputStaysOpen) return;
    // The script may just be slow. If it waits for the end of its input, it takes twice as long when that end comes twice as late.
    const later = Math.min(2 * done.ended, 0.8 * timeout);
    const again = later > done.ended ? await runWith(later) : undefined;
    if ((again?.ended ?? 0) < later) return;
    this.#add(
      'reads-past-body',
      'may-fail',
      made.name,
      "The script answered only when its standard input ended, which was long after the last byte of the body. It reads past CONTENT_LENGTH (RFC 3875 §4.2). Under uwsgi, mini_httpd and Python's http.server the input does not end, so that the answer never comes; busybox httpd puts other bytes behind the body.",
      [
        {
          change:
            'Read CONTENT_LENGTH bytes and no more: head -c "$CONTENT_LENGTH", read(STDIN, $body, $ENV{CONTENT_LENGTH}), sys.stdin.buffer.read(length).',
        },
      ],
    );
  }

  /** The command that the server starts. */
  get #argv(): string[] {
    const { path, server } = this.#options;
    return server.interpreter === undefined ? [path] : [server.interpreter, path];
  }

  #make(request: RequestOptions): Request {
    const { path, server, variables: added } = this.#options;
    // Without REDIRECT_STATUS PHP refuses to run, because it could have been called directly. Apache does not set it.
    const variables = { ...(server.name !== 'apache' && { REDIRECT_STATUS: '200' }), ...added, ...request.variables };
    return makeRequest(path, server.path === undefined ? '/usr/local/bin:/usr/bin:/bin' : server.path, { ...request, variables });
  }

  #run({ variables, body }: Request): Promise<Run> {
    const { account, server, timeout } = this.#options;
    return run(this.#argv, { account, limits: server.limits, variables, body, timeout });
  }

  /** Asks the script at another place of the server, and keeps the findings of that answer apart. */
  async #tryMount(request: RequestOptions): Promise<Response | undefined> {
    const made = this.#make(request);
    const { output } = await this.#run(made);
    return examineResponse(output, this.#options.path, 'GET', made.name);
  }

  /** Adds what is wrong with an answer. Returns undefined where the script gave none. */
  #examine({ name, variables }: Request, done: Run): Response | undefined {
    const { path, timeout } = this.#options;
    const { output, log } = done;
    if (done.isLeftRunning && this.unseen.length === 0) {
      this.unseen.push(
        'The script has started a process that this one could not find or end: it has left the process group, and belongs to another user or has another environment. It may still run.',
      );
    }
    if (done.isEndless) {
      this.#answer(name, 'no end');
      this.#add('output-endless', 'fails', name, 'The script wrote more than 32 MB of output or 4 MB of log, and was ended.', [
        { change: 'Look for a loop that never ends.' },
      ]);
      return undefined;
    }
    if (done.end === undefined && !done.isHeldOpen && opensPort(path)) {
      this.#answer(name, `no end in ${timeout / 1000} s`);
      this.#add(
        'never-answers',
        'fails',
        name,
        `The script waited for connections for ${timeout / 1000} seconds: it calls listen(). A web server starts a CGI script for one request, and takes its standard output for the answer; nobody connects to a port of the script.`,
        [buildAdvice(path)],
        excerpt(output.toString('utf8'), ''),
      );
      return undefined;
    }
    if (output.length === 0) {
      this.#answer(name, done.end === undefined ? `nothing in ${timeout / 1000} s` : `nothing; ${done.end}`);
      this.#addNoOutput(name, done);
      return undefined;
    }
    const response = examineResponse(output, path, variables.REQUEST_METHOD ?? 'GET', name);
    const { status, findings } = response;
    this.#answer(name, `${status === undefined ? 'no response' : status}, ${Math.round(done.milliseconds)} ms`);
    for (const finding of findings) this.#addOnce(finding);
    if (done.isHeldOpen) {
      this.#add(
        'child-holds-output',
        'fails',
        name,
        'The script has ended, and a process that it has started keeps its standard output open. Servers wait for the end of the output, so the page is not complete before that process ends, too.',
        [{ change: 'Start the process with its output closed: command >/dev/null 2>&1 </dev/null &; in Node by stdio: "ignore".' }],
      );
    } else if (done.isLogHeldOpen) {
      this.#add(
        'child-holds-output',
        'may-fail',
        name,
        'The script has ended, and a process that it has started keeps its standard error open. The page is complete. A server that reads standard error to its end (Apache with mod_cgi) keeps the connection and one of its processes until that process ends, too.',
        [{ change: 'Start the process with standard error closed as well: command >/dev/null 2>&1 </dev/null &.' }],
      );
    } else if (done.end === undefined) {
      const isStream = response.headers.some(([header, value]) => header === 'content-type' && value.startsWith('text/event-stream'));
      this.#add(
        'never-ends',
        isStream ? 'note' : 'fails',
        name,
        `The script has written an answer, and has not ended within ${timeout / 1000} seconds. Servers take the end of the script for the end of the page, unless there is a Content-Length and they trust it.`,
        [
          {
            change:
              'Close what keeps the process alive: a timer, a pool of database connections, a loop. A longer time for the examination: --timeout 60.',
          },
        ],
      );
      return undefined;
    }
    if (status === undefined) return undefined;
    if (status >= 500 && status !== 501 && status !== 503) this.#addFailure(name, status, log, response.body);
    else this.#addStack(name, response.body);
    return response;
  }

  #addNoOutput(name: string, { end, log, isHeldOpen }: Run): void {
    const { path, timeout } = this.#options;
    const evidence = lastLines(log);
    if (end === undefined || isHeldOpen) {
      this.#add(
        'never-answers',
        'fails',
        name,
        `The script wrote nothing within ${timeout / 1000} seconds and did not end. The client waits until the server gives up (Apache: 504 after 60 seconds).`,
        [{ change: 'A script that reads all of its standard input on a GET request, or waits for another machine, needs a limit.' }],
        evidence,
      );
      return;
    }
    const refused =
      /^\S*env: (?:‘|')?(.*?)(?:’|')?: (Permission denied|No such file or directory|Exec format error|Too many levels of symbolic links)$/m.exec(
        log,
      );
    const ended = `The script ended with ${end} and wrote nothing. Apache answers 500, "End of script output before headers".`;
    const cause = findCause(log, path);
    if (cause && (end !== 'exit status 0' || log !== '')) {
      this.#add(cause.code, 'fails', path, `${cause.problem} ${ended}`, cause.mend, evidence);
    } else if (refused && (end === 'exit status 126' || end === 'exit status 127')) {
      const [, what = '', why = ''] = refused;
      this.#add(
        'not-started',
        'fails',
        path,
        `The system did not start the script: ${what}: ${why}.`,
        [{ change: 'Look at the mode, the first line and the interpreter of the script, and at SELinux or AppArmor: ls -lZ, dmesg.' }],
        evidence,
      );
    } else {
      this.#add(
        'no-output',
        'fails',
        path,
        ended,
        [
          {
            change: `${log === '' ? 'Run it by hand, as docs/troubleshooting.md shows, and look where it ends.' : 'Its log says why.'} ${VARIABLES}`,
          },
        ],
        evidence,
      );
    }
  }

  /** Adds what an answer of 500 or more comes from. */
  #addFailure(name: string, status: number, log: string, body: string): void {
    const cause = findCause(log, this.#options.path);
    const evidence = lastLines(log);
    const problem = `The script answers ${status}.`;
    if (cause) this.#add(cause.code, 'fails', this.#options.path, `${cause.problem} ${problem}`, cause.mend, evidence);
    else
      this.#add(
        'answers-500',
        'fails',
        name,
        `${problem} Its log says why${log === '' ? ', but it is empty' : ''}.`,
        [{ change: `Mend what the log names. ${VARIABLES}` }],
        evidence,
      );
    this.#addStack(name, body);
  }

  /** Adds that a page shows where an error was thrown, if it does. */
  #addStack(name: string, body: string): void {
    const stack = findStack(body);
    if (stack === undefined) return;
    this.#add(
      'stack-in-response',
      'may-fail',
      name,
      'The page shows where an error was thrown, with the paths of files. That tells a stranger how the server is built.',
      [{ change: 'Let the server set NODE_ENV=production (SetEnv, setenv.set-environment), or write the error to the log alone.' }],
      stack,
    );
  }

  #answer(name: string, what: string): void {
    this.answers.push(`${name}: ${what}`);
  }

  #add(code: FindingCode, severity: Severity, subject: string, problem: string, mend: readonly Mend[], evidence?: string): void {
    this.#addOnce({ code, severity, subject, problem, mend, evidence });
  }

  /** Adds a finding, unless another answer had the same fault. */
  #addOnce(finding: Finding): void {
    if (!this.findings.some(({ code }) => code === finding.code)) this.findings.push(finding);
  }
}

/** Returns the first place in a page that shows where an error was thrown. */
function findStack(page: string): string | undefined {
  for (const line of page.slice(0, MAX_SEARCHED).split('\n')) {
    const found = STACK.exec(line.slice(0, MAX_LINE));
    if (found) return found[0].trim();
  }
  return undefined;
}

/** Opens a port of this machine, and tells whether anybody has connected to it. */
async function listen(): Promise<{ port: number; wasAsked: boolean; close(): void }> {
  const server = createServer();
  const listener = { port: 0, wasAsked: false, close: () => server.close() };
  server.on('connection', (socket) => {
    listener.wasAsked = true;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address !== null && typeof address === 'object') listener.port = address.port;
  return listener;
}

/** Whether a script in JavaScript waits for connections, as a server of node:http does. */
function opensPort(path: string): boolean {
  try {
    const text = readFileSync(path, 'utf8');
    return /\.listen\(|\bserve\(/.test(text) && /\brequire\(|\bimport\b/.test(text);
  } catch {
    return false;
  }
}

/** Returns the last lines of a log that are worth reading. */
function lastLines(log: string): string | undefined {
  const lines = log
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.slice(0, MAX_LINE));
  const error = lines.findIndex((line) => /^\s*(?:\w*Error|Uncaught|Traceback)|\bError\b.*:/.test(line));
  const from = error >= 0 && lines.length > 8 ? error : Math.max(0, lines.length - 6);
  return lines.slice(from, from + 6).join('\n') || undefined;
}

function excerpt(log: string, secret: string): string | undefined {
  return log
    .split('\n')
    .find((line) => line.includes(secret))
    ?.slice(0, 200);
}
