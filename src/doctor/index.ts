// The examination of a script: looks at it and its surroundings, runs it, and says what a web server would fail at.

import { chownSync, lstatSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeOf } from '../error-code.ts';
import { readStart } from '../host/shebang.ts';
import { type Account, canBecome, findAccount, guessServerAccount, ownAccount, userName } from './account.ts';
import { examineCompiledCode, findNode, readBuiltFile } from './built-file.ts';
import type { Deployment } from './deployment.ts';
import { type Finding, quote } from './finding.ts';
import { examineStart } from './interpreter.ts';
import { type ServerName, UNKNOWN_SERVER } from './server/facts.ts';
import { readServer } from './server/index.ts';
import { tryScript } from './trials.ts';
import { examineWay } from './way.ts';

export interface ExamineOptions {
  /** The account of the web server. Default: the one that a server of this machine has. */
  account?: Account | undefined;
  /** The web server, whose configuration and log are read. Default: none. */
  server?: ServerName | undefined;
  /** The path of that configuration. Default: where the system has it. */
  config?: string | undefined;
  /** The PATH that the server gives to scripts, null for none. Default: as its configuration says. */
  serverPath?: string | null;
  /** Whether the server starts scripts by suexec. Default: as its configuration says, or false. */
  suexec?: boolean | undefined;
  /** Whether to run the script. Default: true. */
  runs?: boolean;
  /** Whether to send POST requests, too. Default: true. */
  sendsPosts?: boolean;
  /** The path behind the script to ask for, with its query. */
  askedPath?: string | undefined;
  /** Milliseconds that a request may take. Default: 10,000. */
  timeout?: number;
}

export interface Report {
  /** The absolute path of the script. */
  script: string;
  /** The user for whom the script was examined. */
  user: string;
  findings: Finding[];
  /** What each request was answered by. */
  answers: string[];
  /** What the examination could not look at, and why; a sentence each. */
  unseen: string[];
}

/** Examines the script `path`. Changes nothing, and ends in time whatever the script does. */
export async function examine(path: string, options: ExamineOptions = {}): Promise<Report> {
  const { runs = true, sendsPosts = true, askedPath, timeout = 10_000 } = options;
  const script = resolve(path);
  const self = ownAccount();
  const reading = options.server && readServer(options.server, script, options.config);
  const facts = reading?.facts ?? UNKNOWN_SERVER;
  const server = options.serverPath === undefined ? facts : { ...facts, path: options.serverPath };
  const suexec = options.suexec ?? server.suexec ?? false;
  const configured = server.user === undefined ? undefined : findAccount(server.user);
  const found = options.account ?? configured ?? (suexec ? ownerOf(script) : guessServerAccount()) ?? self;
  // No server runs scripts as root, and neither does an examination unless it is told to.
  const account = found.uid === 0 && !options.account && !suexec ? (findAccount('nobody') ?? found) : found;
  const unseen = [...(reading?.unseen ?? [])];
  const deployment: Deployment = { path: script, start: readBeginning(script, unseen), account, server, suexec };

  const wayFindings = examineWay(deployment);
  const built = readBuiltFile(deployment);
  const { findings: startFindings, program: reader } = examineStart(deployment);
  const program = built && startFindings.length === 0 ? findNode(deployment, built) : reader;
  // A module that has yet to be built needs no mode of its own.
  const needsBuild = startFindings.some(({ mend }) => mend.some((one) => 'run' in one && one.run.includes('run-with-cgi build')));
  const findings = [
    ...(reading?.findings ?? []),
    ...(needsBuild ? wayFindings.filter(({ code }) => code !== 'file-not-executable') : wayFindings),
    ...startFindings,
  ];
  // Where none of this holds, `account` is a guess, and the web server may run the script as another user.
  const isSure = (options.account ?? configured) !== undefined || suexec || canBecome(account);
  if (!isSure) {
    for (const finding of findings) {
      if (/folder-not-entered|not-executable|not-readable|not-reachable/.test(finding.code) && !isAlsoOurs(finding, deployment, self))
        finding.severity = 'may-fail';
    }
  }
  if (!canBecome(account)) {
    unseen.push(
      `This process is ${self.name}, and only root can run the script as ${account.name}. The folders were judged by their mode bits, and the script ran as ${self.name}. For the rest: sudo npx run-with-cgi doctor ${quote(script)} --as ${account.name}`,
    );
  }
  const selinux = selinuxEnforces();
  if (selinux)
    unseen.push(
      `SELinux is enforcing on this machine, and its labels were not examined: ls -Z -- ${quote(script)}; ausearch -m avc -ts recent`,
    );

  const blocks = findings.some(({ severity, code }) => severity === 'fails' && !/^(?:suexec|setuid|cgi-|access-|socket-)/.test(code));
  const runner = canBecome(account) ? account : self;
  const isUnwantedRoot = runner.uid === 0 && options.account === undefined;
  if (!runs || blocks || isUnwantedRoot) {
    if (isUnwantedRoot && runs && !blocks)
      unseen.push('The script was not run, because it would have run as root. Name the user that the server runs scripts as: --as <user>');
    if (blocks && runs)
      unseen.push('The script was not run, because the server could not start it. Mend this first, and examine it again.');
    return { script, user: account.name, findings: order(findings), answers: [], unseen };
  }
  const runTrials = (variables: Record<string, string>) =>
    tryScript({
      variables,
      path: script,
      account: runner,
      server: deployment.server,
      program,
      isBuilt: built !== undefined,
      askedPath,
      sendsPosts,
      timeout,
    });
  const trials = built?.isWarm ? await withoutWorkers(runner, (TMPDIR) => runTrials({ TMPDIR })) : await runTrials({});
  if (built && program?.path !== undefined && trials.answers.length > 1)
    findings.push(...(await examineCompiledCode({ ...deployment, account: runner }, program.path)));
  if (server.name === 'busybox') for (const finding of trials.findings) raiseForBusybox(finding);
  unseen.push(...trials.unseen);
  return { script, user: account.name, findings: order([...findings, ...trials.findings]), answers: trials.answers, unseen };
}

/**
 * Calls `use` with the path of a temporary folder for the files of `account`, in which a warm script neither starts a worker nor
 * finds one: there is a file where it would make the folder of its sockets. Then removes the folder.
 */
async function withoutWorkers<Result>(account: Account, use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-'));
  try {
    writeFileSync(join(folder, `run-with-cgi-${account.uid}`), '');
    if (process.getuid?.() === 0) chownSync(folder, account.uid, account.gid);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Raises the severity of a fault that other servers put right and busybox httpd does not. */
function raiseForBusybox(finding: Finding): void {
  if (finding.code === 'status-not-first') finding.severity = 'fails';
  if (finding.code === 'body-on-head') finding.severity = 'may-fail';
}

/** Returns the account of the owner of a file, which suexec runs it as. */
export function ownerOf(path: string): Account | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && findAccount(userName(stats.uid));
}

/** Whether the script would fail for this process's own account as well. */
function isAlsoOurs(finding: Finding, deployment: Deployment, self: Account): boolean {
  const asSelf = { ...deployment, account: self };
  return [...examineWay(asSelf), ...examineStart(asSelf).findings].some(
    ({ code, subject }) => code === finding.code && subject === finding.subject,
  );
}

function readBeginning(path: string, unseen: string[]): string {
  try {
    return statSync(path).isFile() ? readStart(path) : '';
  } catch (error) {
    const isGone = codeOf(error) === 'ENOENT';
    const isLink = isGone && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    unseen.push(
      `${isLink ? `${path} is a link that leads nowhere` : `This process may not read ${path}`}, so its format and its first line were not examined.`,
    );
    return '';
  }
}

function selinuxEnforces(): boolean {
  try {
    return readStart('/sys/fs/selinux/enforce').startsWith('1');
  } catch {
    return false;
  }
}

/** Returns findings with the worst first. */
function order(findings: readonly Finding[]): Finding[] {
  const rank = { fails: 0, 'may-fail': 1, note: 2 };
  return [...findings].sort((one, other) => rank[one.severity] - rank[other.severity]);
}
