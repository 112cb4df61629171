// What must hold for each run, whatever fault the script meets.

import type { Ended, Fault, Step } from './run.ts';
import { responseOf, type Scenario } from './scenarios.ts';

const EINTR = 4;
const EAGAIN = 11;
const EPIPE = 32;
const ECONNRESET = 104;
const [SIGHUP, SIGINT, SIGPIPE, SIGTERM] = [1, 2, 13, 15];
/** Signals at which the gateway ends a request. */
const ENDING = new Set([SIGHUP, SIGINT, SIGTERM]);
/** Signals that change nothing: PIPE and XFSZ, which Node ignores, and CHLD, CONT, WINCH. */
const HARMLESS = new Set([SIGPIPE, 25, 17, 18, 28]);

/** The names of files that exist only for a moment: that of a spool before it is unlinked, and that of compiled code. */
const TEMPORARY = /^run-with-cgi-\d+-\d+$|\.new$/;

/** A step with its fault. */
type Hit = Step & { fault: Fault };

/** The statuses of failures that a script may answer by, with the calls of which a fault may lead to them. */
const FAILURES: readonly [status: string, isPossible: (scenario: Scenario, hits: readonly Hit[]) => boolean][] = [
  ['500 Internal Server Error', () => true],
  [
    '400 Bad Request',
    ({ options }, hits) => options.some((option) => /^(half|close)=/.test(option)) || hits.some(({ thing }) => thing === 'stdin'),
  ],
  ['502 Bad Gateway', ({ name }) => name === 'hosted'],
  ['503 Service Unavailable', ({ name }) => name === 'hosted'],
  ['507 Insufficient Storage', ({ options }, hits) => options.some((option) => /^(fsize|nofile)=/.test(option)) || hits.some(isSpool)],
];

function isSpool({ thing }: Hit): boolean {
  return thing === 'file' || thing.includes('/run-with-cgi-');
}

/**
 * Returns the claims that a run has not kept; an empty list if all is well. `loadingSteps` is the number of steps in which Node
 * loads the modules of a script that is not built: when these fail, no code of ours has run.
 */
export function violations(scenario: Scenario, ended: Ended, loadingSteps: number): string[] {
  const { status, signal, log, marks } = ended;
  const { name, right, unsized, options } = scenario;
  const has = (...names: string[]) => options.some((option) => names.includes(option.replace(/=.*/, '')));
  const response = ended.response.replace(/^Date: .*?\r$/m, 'Date: now\r').replace(/W\/"17-[^"]{27}"/, 'W/"17-TAG"');
  const hits = ended.steps.filter((step): step is Hit => step.fault !== undefined);
  const sent = hits.flatMap(({ fault }) => (fault.kind === 'signal' || fault.kind === 'after' ? [fault.argument] : []));
  for (const option of options) if (option.startsWith('after=')) sent.push(Number(option.slice(6)));
  const isPeerGone =
    has('leave') ||
    options.includes('close=1') ||
    hits.some(({ fault }) => fault.kind === 'parent') ||
    hits.some(({ call, thing, fault }) => call === 'write' && thing === 'stdout' && [EPIPE, ECONNRESET].includes(fault.argument));
  const isLogBroken =
    has('mute', 'same') ||
    options.includes('close=2') ||
    hits.some(({ call, thing, fault }) => (thing === 'stderr' || (call === 'write' && thing === 'file')) && !isPassing(fault));
  const found: string[] = [];
  const claim = (holds: boolean, words: string) => {
    if (!holds) found.push(words);
  };

  claim(!ended.hung, 'it ends');
  // A relay that finds no worker leads to one, which stays.
  const isRelay = scenario.program === 'perl';
  claim(ended.left <= (isRelay ? 1 : 0), `no process is left, got ${ended.left}`);
  const failures = FAILURES.filter(([, isPossible]) => isPossible(scenario, hits)).flatMap(([words]) => failuresOf(scenario, words));
  const isRight =
    response === right ||
    scenario.answers?.test(response) ||
    (name === 'file' && (hits.length > 0 || has('nofile')) && response === unsized);
  const isFailure = failures.includes(response);
  const isCut = !isRight && !isFailure && [right, unsized, ...failures].some((whole) => whole.startsWith(response));
  claim(isRight || isFailure || isCut, `the response is right, one of a failure, or the beginning of these; got ${show(response)}`);

  const isKilled =
    signal !== undefined &&
    (isRelay ? sent.includes(signal) || (signal === SIGPIPE && isPeerGone) : sent.includes(signal) && !HARMLESS.has(signal));
  const isInterrupted = status !== undefined && sent.includes(status - 128) && ENDING.has(status - 128);
  // A process that is killed leaves what it has just made, and so does one that may not remove it.
  const isFileLeft = isKilled || hits.some(({ call, fault }) => call === 'unlink' && !isPassing(fault));
  const kept = ended.files.filter((name) => !scenario.keeps.test(name) && !(isFileLeft && TEMPORARY.test(name)));
  claim(kept.length === 0, `no file is left, got ${kept}`);
  claim(
    isKilled || isInterrupted || status === 0 || status === 1,
    `the exit status is 0, 1, or tells the signal; got ${signal === undefined ? status : `signal ${signal}`}`,
  );
  // A worker answers failures itself.
  const isAnswered = isRelay && isFailure && log !== '';
  if (status === 0)
    claim(isPeerGone || isAnswered || (isRight && !scenario.fails), `exit status 0 means a complete response, got ${show(response)}`);
  if (isRight && scenario.fails)
    claim(isKilled || isInterrupted || isPeerGone || status === 1, 'an application that fails has exit status 1');
  if (isInterrupted) claim(!isRight || response === '', 'a signal behind the complete response changes nothing');
  if (status === 1) claim(isLogBroken || isPeerGone || log !== '', 'the log tells the cause');
  if (isFailure && !isRight)
    claim(status === 1 || isAnswered || isKilled || isInterrupted || isPeerGone, 'a response of a failure comes with exit status 1');
  if (response === '' && !isKilled && !isInterrupted && !isPeerGone) {
    claim(
      hits.some((hit) => isOutput(hit) || hit.number <= loadingSteps) || has('out', 'fsize') || options.includes('close=1'),
      'there is a response where one is possible',
    );
  }

  const closed = marks.filter((mark) => mark === 'closed').length;
  claim(closed <= 1, `close() is called once, got ${closed} times`);
  if (marks.includes('returned') && !isKilled) claim(closed === 1, 'close() is called');
  if (isKilled && ENDING.has(signal) && marks.includes('returned'))
    claim(response === '', `signal ${signal} ends the application by its default action only before the response`);
  return found;
}

/** Whether a fault passes when the call is tried again. */
function isPassing({ kind, argument }: Fault): boolean {
  return (
    ['short', 'shorts'].includes(kind) || (kind === 'error' && [EINTR, EAGAIN].includes(argument)) || ['signal', 'after'].includes(kind)
  );
}

function isOutput({ call, thing, fault }: Hit): boolean {
  return call === 'write' && thing === 'stdout' && !isPassing(fault);
}

/** Returns the responses that a failure may have in a scenario. */
function failuresOf({ name, env }: Scenario, status: string): string[] {
  const page = `${status}\n`;
  const lines = ['Content-Type: text/plain', `Content-Length: ${page.length}`];
  if (!name.endsWith('nph')) return [responseOf([`Status: ${status}`, ...lines], env.REQUEST_METHOD === 'HEAD' ? '' : page)];
  // A script that cannot be loaded has no gateway, which would add the others.
  return [['Date: now', ...lines, 'Connection: close'], lines].map((headers) => responseOf([`HTTP/1.1 ${status}`, ...headers], page));
}

/** Shows the beginning and the end of a response. */
function show(response: string): string {
  return JSON.stringify(response.length > 300 ? `${response.slice(0, 150)}…${response.slice(-100)}` : response);
}
