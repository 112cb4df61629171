// The report of an examination: as text for a terminal, and as JSON.

import type { Finding, Severity } from './finding.ts';
import type { Report } from './index.ts';

const LABELS: Readonly<Record<Severity, string>> = { fails: 'FAILS', 'may-fail': 'MAY FAIL', note: 'note' };
const COLORS: Readonly<Record<Severity, string>> = { fails: '31', 'may-fail': '33', note: '36' };
const WIDTH = 88;

/** Whether the report has nothing that fails or may fail. */
export function isWell({ findings }: Report): boolean {
  return findings.every(({ severity }) => severity === 'note');
}

/** Returns the report as text. With `hasColors` it is for a terminal. */
export function toText(report: Report, hasColors: boolean): string {
  const { script, user, findings, answers, unseen } = report;
  const paint = (code: string, text: string) => (hasColors ? `\x1b[${code}m${text}\x1b[0m` : text);
  const lines = [`${printable(script)}, as the user ${user} would run it`, ''];
  for (const answer of answers) lines.push(`  ${printable(answer)}`);
  if (answers.length > 0) lines.push('');
  for (const finding of findings) {
    const { code, severity, subject } = finding;
    lines.push(`${paint(`1;${COLORS[severity]}`, LABELS[severity])}  ${paint('1', printable(subject))}  [${code}]`);
    lines.push(...wrap(printable(finding.problem), '  '));
    for (const line of finding.evidence?.split('\n') ?? []) lines.push(paint('2', `  | ${printable(line).slice(0, 160)}`));
    lines.push(...mendLines(finding, (text) => paint('1', text)), '');
  }
  if (unseen.length > 0) {
    lines.push('Not looked at:');
    for (const sentence of unseen) lines.push(...wrap(printable(sentence), '  '));
    lines.push('');
  }
  lines.push(summary(report));
  return `${lines.join('\n')}\n`;
}

function mendLines({ mend }: Finding, strong: (text: string) => string): string[] {
  return mend.flatMap((one, index) => {
    const label = index === 0 ? 'To mend: ' : '         ';
    if ('run' in one) return [`  ${label}${strong(printable(one.run))}`];
    const [first = '', ...rest] = wrap(printable(one.change), '           ');
    return [`  ${label}${first.trimStart()}`, ...rest];
  });
}

function summary(report: Report): string {
  const count = (severity: Severity) => report.findings.filter((finding) => finding.severity === severity).length;
  const [fails, may] = [count('fails'), count('may-fail')];
  if (fails === 0 && may === 0)
    return report.answers.length > 0 ? 'All is well: the script answers.' : 'Nothing was found. The script was not run.';
  const parts = [fails > 0 ? `${fails} ${fails === 1 ? 'thing fails' : 'things fail'}` : '', may > 0 ? `${may} may fail` : ''];
  return `${parts.filter((part) => part !== '').join(', ')}. docs/doctor.md explains each code.`;
}

/** Breaks text into lines that begin with `indent`. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent.trimEnd() === '' ? indent : '';
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + word.length > WIDTH) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}

/** Replaces control characters, which could change what a terminal shows. A script may have written them. */
function printable(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Returns the report as JSON, with a newline at its end. */
export function toJson(report: Report): string {
  return `${JSON.stringify({ well: isWell(report), ...report }, undefined, 2)}\n`;
}
