// A finding: one thing about a script that goes wrong under a web server, and what mends it. docs/doctor.md lists all codes.

/** The codes of findings. They stay the same from release to release. */
export const FINDING_CODES = [
  // The file and the way to it
  'file-not-regular',
  'file-empty',
  'file-not-executable',
  'file-not-readable',
  'folder-not-entered',
  'mount-noexec',
  'setuid-ignored',
  'suexec-owner',
  'suexec-writable',
  'writable-by-others',
  // What the file is
  'architecture-wrong',
  'byte-order-mark',
  'file-encoding',
  'library-missing',
  'loader-missing',
  // The interpreter
  'interpreter-arguments',
  'interpreter-line-crlf',
  'interpreter-line-missing',
  'interpreter-line-quoted',
  'interpreter-line-too-long',
  'interpreter-missing',
  'interpreter-not-in-path',
  'interpreter-not-reachable',
  'interpreter-relative',
  'node-too-old',
  'typescript-unsupported',
  // What the script needs
  'code-cache-rejected',
  'command-missing',
  'file-beside-missing',
  'file-beside-refused',
  'limit-address-space',
  'limit-processes',
  'module-kind',
  'module-missing',
  'type-module-above',
  // What the script answers
  'answers-404',
  'answers-500',
  'authorization-missing',
  'blank-line-missing',
  'body-on-head',
  'child-holds-output',
  'content-length-wrong',
  'content-type-missing',
  'head-empty',
  'head-line-malformed',
  'head-too-long',
  'header-control-character',
  'header-hop-by-hop',
  'http-proxy-used',
  'http-status-line',
  'location-with-200',
  'mount-unknown',
  'never-answers',
  'never-ends',
  'not-started',
  'no-output',
  'nph-without-status-line',
  'output-before-head',
  'output-endless',
  'reads-past-body',
  'secret-in-log',
  'secret-in-response',
  'slow-start',
  'stack-in-response',
  'status-malformed',
  'status-not-first',
  'transfer-encoding',
  // The web server's configuration and its log
  'access-denied',
  'cgi-module-missing',
  'cgi-off',
  'log-lost',
  'log-says',
  'socket-not-reachable',
] as const;

export type FindingCode = (typeof FINDING_CODES)[number];

/**
 * How bad it is. "fails": the server does not answer a request as the script means it. "may-fail": that depends on the server,
 * or on the request. "note": the script works, and the reader may want to know all the same.
 */
export type Severity = 'fails' | 'may-fail' | 'note';

/** What mends a finding: a command for a shell, or a change that a person has to make. */
export type Mend = { readonly run: string } | { readonly change: string };

export interface Finding {
  code: FindingCode;
  severity: Severity;
  /** The file, folder or answer in which the fault is. */
  subject: string;
  /** One or more sentences: the fault, the rule of the server or of the system, and what was found instead. */
  problem: string;
  mend: readonly Mend[];
  /** Lines of the script's log or output that show the fault. */
  evidence?: string | undefined;
}

/** Returns the byte string `bytes` as a reader sees it: as UTF-8 where it is that, otherwise as ISO-8859-1. */
export function decodeBytes(bytes: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return bytes;
  }
}

/** Returns `text` as one word for a shell. */
export function quote(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
