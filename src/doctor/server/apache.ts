// Reads the configuration of an Apache httpd 2.4, as far as it decides what becomes of one script.

import { basename, dirname, extname } from 'node:path';
import type { Finding, FindingCode, Mend } from '../finding.ts';
import { below, configurationReader, expand, isIn, readText, type ServerReading } from './facts.ts';

/** One directive, and the sections around it, outermost first. */
interface Directive {
  name: string;
  words: string[];
  sections: Section[];
  file: string;
}

interface Section {
  name: string;
  argument: string;
}

/** The main files of Debian, Fedora, Arch, SUSE, and of a build from source. */
export const APACHE_FILES = [
  '/etc/apache2/apache2.conf',
  '/etc/httpd/conf/httpd.conf',
  '/etc/apache2/httpd.conf',
  '/usr/local/apache2/conf/httpd.conf',
];

/** Returns what the configuration `file` says about `script`. */
export function readApache(file: string, script: string): ServerReading {
  const unseen: string[] = [];
  const directives = readDirectives(file, unseen);
  const [override] = valuesFor(script, directives, 'allowoverride').at(-1) ?? ['None'];
  const urls = urlsOf(script, directives);
  const ofHtaccess = /^none$/i.test(override ?? '') ? [] : htaccessFiles(script).flatMap((path) => parse(readText(path) ?? '', path, []));
  const all = [...directives, ...ofHtaccess];
  const values = (name: string) => valuesFor(script, all, name, urls, unseen);
  const last = (name: string) => values(name).at(-1);
  const root = last('serverroot')?.[0] ?? '/etc/apache2';

  const findings: Finding[] = [];
  const add = (code: FindingCode, subject: string, problem: string, ...mend: Mend[]) =>
    findings.push({ code, severity: 'fails', subject, problem, mend });
  const modules = new Set(all.filter(({ name }) => name === 'loadmodule').map(({ words }) => words[0]));
  const isDebian = file.startsWith('/etc/apache2/');
  if (!['cgi_module', 'cgid_module'].some((name) => modules.has(name)) && modules.size > 0) {
    const threads = !modules.has('mpm_prefork_module');
    const name = threads ? 'cgid' : 'cgi';
    add(
      'cgi-module-missing',
      file,
      'The configuration loads neither mod_cgid nor mod_cgi. Without one of them Apache sends the text of scripts to clients.',
      ...(isDebian
        ? [{ run: `a2enmod ${name} && service apache2 restart` }]
        : [{ change: `LoadModule ${name}_module modules/mod_${name}.so` }]),
    );
  }
  const aliased =
    all.some(({ name, words }) => name === 'scriptalias' && isIn((words[1] ?? '').replace(/\/$/, ''), script)) ||
    all.some(({ name }) => name === 'scriptaliasmatch');
  const handled =
    values('addhandler').some(
      ([handler, ...endings]) => handler === 'cgi-script' && endings.some((ending) => `.${ending.replace(/^\./, '')}` === extname(script)),
    ) || values('sethandler').some(([handler]) => handler === 'cgi-script');
  const executes = executesCgi(values('options'));
  if (!aliased && (!handled || !executes)) {
    const missing = [executes ? '' : 'Options +ExecCGI', handled ? '' : `AddHandler cgi-script ${extname(script) || '.cgi'}`].filter(
      Boolean,
    );
    add(
      'cgi-off',
      dirname(script),
      `CGI is off for this folder: no ScriptAlias leads to it, and for it the configuration lacks ${missing.join(' and ')}. ${handled ? 'Apache answers 403, "Options ExecCGI is off in this directory".' : 'Apache sends the text of the script to clients.'}`,
      { change: `ScriptAlias /cgi-bin/ ${dirname(script)}/, or in its <Directory>: ${missing.join('; ')}` },
    );
  }
  const access = values('require')
    .filter(([subject]) => subject === 'all')
    .at(-1);
  if (access?.[1] === 'denied') {
    add(
      'access-denied',
      dirname(script),
      'The section that counts for this folder says "Require all denied", so Apache answers 403, "client denied by server configuration".',
      { change: `<Directory ${dirname(script)}> Require all granted </Directory>` },
    );
  }
  const passes =
    /^on$/i.test(last('cgipassauth')?.[0] ?? '') ||
    all.some(
      ({ name, words }) => /^(?:setenvif(?:nocase)?|rewriterule|rewritecond|setenv)$/.test(name) && /authorization/i.test(words.join(' ')),
    );
  const number = (words: string[] | undefined) => (words?.[0] !== undefined && /^\d+$/.test(words[0]) ? Number(words[0]) : undefined);
  const [suexecUser] = last('suexecusergroup') ?? [];
  const isSuexec = suexecUser !== undefined && modules.has('suexec_module');
  const errorLog = last('errorlog')?.[0];
  const logs = errorLog === undefined || /^[|]|^syslog/.test(errorLog) ? [] : [below(root, errorLog)];
  const path = all.filter(({ name, words }) => name === 'setenv' && words[0] === 'PATH').at(-1)?.words[1];
  return {
    facts: {
      name: 'apache',
      // suexec gives its own PATH, and mod_env cannot change it.
      path: isSuexec ? '/usr/local/bin:/usr/bin:/bin' : path,
      passesAuthorization: passes,
      user: isSuexec ? suexecUser : last('user')?.[0],
      suexec: isSuexec,
      limits: { addressSpace: number(last('rlimitmem')), processes: number(last('rlimitnproc')) },
      logs,
    },
    findings,
    unseen,
  };
}

/** Whether Options, in the order in which they count, leave ExecCGI on. */
function executesCgi(values: readonly string[][]): boolean {
  let executes = false;
  for (const words of values) {
    const isRelative = words.every((word) => /^[+-]/.test(word));
    if (!isRelative) executes = words.some((word) => /^(?:ExecCGI|All)$/i.test(word));
    else for (const word of words) if (/^[+-]ExecCGI$/i.test(word)) executes = word.startsWith('+');
  }
  return executes;
}

/** Returns the words of each directive `name` that counts for `script`, the one that wins last. */
function valuesFor(
  script: string,
  directives: readonly Directive[],
  name: string,
  urls: readonly string[] = [],
  unseen: string[] = [],
): string[][] {
  const depth = ({ sections }: Directive) => {
    const folder = sections.find((section) => section.name === 'directory')?.argument;
    return folder === undefined
      ? sections.some(({ name: section }) => section.startsWith('location'))
        ? Infinity
        : 0
      : folder.replace(/\/$/, '').length + 1;
  };
  return directives
    .filter((directive) => directive.name === name && directive.sections.every((section) => holds(section, script, urls, unseen)))
    .map((directive, index) => ({ directive, index }))
    .sort((one, other) => depth(one.directive) - depth(other.directive) || one.index - other.index)
    .map(({ directive }) => directive.words);
}

/**
 * Whether a section holds for `script`, whose paths in the server are `urls`. A section that only a request decides about is taken for
 * one that holds. Adds to `unseen` a section whose pattern JavaScript does not take; such a section is left out.
 */
function holds({ name, argument }: Section, script: string, urls: readonly string[], unseen: string[]): boolean {
  const matches = (pattern: string, texts: readonly string[]) => {
    const found = matchesAny(pattern, texts);
    const sentence = `The section <${name} ${argument}> was left out, because its pattern is none of JavaScript.`;
    if (found === undefined && !unseen.includes(sentence)) unseen.push(sentence);
    return found === true;
  };
  const folders = foldersTo(script);
  const file = script.slice(script.lastIndexOf('/') + 1);
  const pattern = /^~\s*(.*)$/s.exec(argument)?.[1];
  switch (name) {
    case 'directory':
      if (pattern !== undefined) return matches(unquote(pattern), folders);
      return /[*?[]/.test(argument)
        ? matches(globSource(argument.replace(/(.)\/$/, '$1')), folders)
        : isIn(argument.replace(/(.)\/$/, '$1'), script);
    case 'directorymatch':
      return matches(argument, folders);
    case 'files':
      if (pattern !== undefined) return matches(unquote(pattern), [file]);
      return matches(globSource(argument), [file]);
    case 'filesmatch':
      return matches(argument, [file]);
    case 'location':
      if (pattern !== undefined) return matches(unquote(pattern), urls);
      if (/[*?[]/.test(argument)) return matches(globSource(argument), urls.flatMap(withFolders));
      return urls.some((url) => url === argument || url.startsWith(argument.endsWith('/') ? argument : `${argument}/`));
    case 'locationmatch':
      return matches(argument, urls);
    default:
      return !name.startsWith('limit');
  }
}

/** Whether one of `texts` matches a pattern of PCRE; undefined where JavaScript does not take the pattern. */
function matchesAny(pattern: string, texts: readonly string[]): boolean | undefined {
  try {
    const [, options = '', source = ''] = /^(?:\(\?([a-z]+)\))?(.*)$/s.exec(pattern) ?? [];
    const expression = new RegExp(source, options.includes('i') ? 'i' : '');
    return texts.some((text) => expression.test(text));
  } catch {
    return undefined;
  }
}

/** Returns the pattern of a name with wildcards, none of which stands for a "/". */
function globSource(glob: string): string {
  const source = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
    .replaceAll('[!', '[^');
  return `^${source}$`;
}

/** Returns the folders above a script, as it is written. */
function foldersTo(script: string): string[] {
  return withFolders(dirname(script));
}

/** Returns an absolute path and all folders above it. */
function withFolders(path: string): string[] {
  const paths = [path];
  for (let folder = path; folder !== '/' && folder !== '.'; ) {
    folder = dirname(folder);
    paths.push(folder);
  }
  return paths;
}

/** Returns the paths of URLs that lead to `script`, by aliases and by the document root; what is usual where none of them leads there. */
function urlsOf(script: string, directives: readonly Directive[]): string[] {
  const urls: string[] = [];
  for (const { name, words } of directives) {
    const [url, folder] = name === 'documentroot' ? ['/', words[0]] : /^(?:script)?alias$/.test(name) ? words : [];
    if (url === undefined || folder === undefined) continue;
    const start = folder.replace(/\/$/, '');
    if (script === start) urls.push(url);
    else if (script.startsWith(`${start}/`)) urls.push(url.replace(/\/$/, '') + script.slice(start.length));
  }
  return urls.length > 0 ? urls : [`/cgi-bin/${basename(script)}`];
}

/** Reads a configuration with all that it includes. */
function readDirectives(file: string, unseen: string[]): Directive[] {
  const variables = new Map<string, string>();
  for (const [, name = '', value = ''] of (readText(`${dirname(file)}/envvars`) ?? '').matchAll(/^\s*export\s+(\w+)=(\S*)/gm)) {
    variables.set(name, value.replaceAll(/\$\{?SUFFIX\}?/g, ''));
  }
  let root = dirname(file);
  const readFile = configurationReader(unseen);
  const read = (path: string, sections: Section[]): Directive[] =>
    parse(readFile(path) ?? '', path, sections).flatMap((directive) => {
      const words = directive.words.map((word) => word.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables.get(name) ?? whole));
      if (directive.name === 'define') variables.set(words[0] ?? '', words[1] ?? '');
      if (directive.name === 'serverroot') root = words[0] ?? root;
      if (!/^include(?:optional)?$/.test(directive.name)) return [{ ...directive, words }];
      return expand(below(root, words[0] ?? '')).flatMap((included) => read(included, directive.sections));
    });
  return read(file, []);
}

/** Takes the text of a configuration apart. */
function parse(text: string, file: string, outer: readonly Section[]): Directive[] {
  const directives: Directive[] = [];
  const sections = [...outer];
  for (const line of text.replaceAll(/\\\r?\n/g, ' ').split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const [, closes, opens, argument = ''] = /^<(\/)?(\w+)\s*([^>]*)>$/.exec(trimmed) ?? [];
    if (closes !== undefined) sections.pop();
    else if (opens !== undefined) sections.push({ name: opens.toLowerCase(), argument: unquote(argument.trim()) });
    else {
      const [name = '', ...words] = (trimmed.match(/"(?:[^"\\]|\\.)*"|'[^']*'|\S+/g) ?? []).map(unquote);
      directives.push({ name: name.toLowerCase(), words, sections: [...sections], file });
    }
  }
  return directives;
}

function unquote(word: string): string {
  return /^(["']).*\1$/.test(word) ? word.slice(1, -1) : word;
}

/** Returns the .htaccess files on the way to a script, outermost first. */
function htaccessFiles(script: string): string[] {
  const files: string[] = [];
  for (let folder = dirname(script); folder !== '/'; folder = dirname(folder)) files.unshift(`${folder}/.htaccess`);
  return files.filter((file) => readText(file) !== undefined);
}
