// Makes the first lines of a warm script: they pass the request to the worker, if one lives, and start Node otherwise. The shell
// or Perl runs them. JavaScript finds a string and a comment in them.

import { createHash } from 'node:crypto';
import { missingMessage, nodeCommand, shellOpening } from '../built-script/shell-line.ts';
import { warmSteps } from './shell-steps.ts';

export interface WarmOptions {
  /** The program that runs the script, as for `shellOpening`. */
  interpreter: string;
  /** The path of Perl, for a script that Perl runs; undefined for one that the shell runs. */
  perl: string | undefined;
  relay: Relay;
}

/** The texts of relay.pl and of relay-rest.pl. */
export interface Relay {
  relay: string;
  rest: string;
}

/**
 * Options of Perl. -T and -C0 turn off all variables that change what Perl does: PERL5OPT, PERL5LIB, PERLIO, PERL_UNICODE and the
 * like. -U and -X take back what else -T does: it would refuse to start Node by the PATH of the environment. "--" ends the options.
 */
const OPTIONS = '-TUXC0';

/** Returns the lines of a warm script with this `source`. */
export function warmOpening(source: string, { interpreter, perl, relay }: WarmOptions): string {
  // The version in the socket's name keeps a new script from an old worker.
  const version = createHash('sha256').update(source).digest('hex').slice(0, 12);
  const program = perlProgram(version, interpreter, relay);
  if (perl !== undefined) return `#!${perl} ${OPTIONS} --\n"0" && 1 /*0;\n${program}*/`;
  // -x makes Perl pass over all lines before the second "#!".
  const steps = warmSteps(version, `perl ${OPTIONS} -x --`);
  return `${shellOpening(interpreter, steps)}\n/*\n#!perl\n${program}*/`;
}

/** Returns the program for Perl: relay.pl, relay-rest.pl as a text that it compiles when it is needed, and the end for Perl. */
function perlProgram(version: string, interpreter: string, { relay, rest }: Relay): string {
  const node = nodeCommand(interpreter);
  const constants = `my @node = ${list(node)};\nmy @missing = ${list(missingMessage(node[0] ?? ''))};`;
  return `my $version = ${quote(version)};\n${withoutComments(relay)}eval <<'REST';\n${constants}\n${withoutComments(rest)}REST\ndie $@;\n__END__\n`;
}

/** Returns the lines of a program that are no comments. A server reads them for every request. */
function withoutComments(program: string): string {
  return program.replace(/^[ \t]*(?:#.*)?\n/gm, '');
}

function list(texts: readonly string[]): string {
  return `(${texts.map(quote).join(', ')})`;
}

/** Returns `text` as a string of Perl. "*\/" would end the comment that Perl's lines are for JavaScript. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`.replaceAll('*/', "*'.'/");
}
