// Configurations of web servers. They stand in docs/deploy.md and docs/resident-servers.md, where the tests of the servers take
// them from, too; this module reads them from there.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../build/package-folder.ts';

/** Where a recipe stands: the page, the section, and the name of the block with its file where a section has several. */
type Place = readonly [page: 'deploy' | 'resident-servers', section: string, block?: string];

const PLACES = {
  apache: ['deploy', 'Apache'],
  htaccess: ['deploy', 'Apache, by .htaccess'],
  lighttpd: ['deploy', 'lighttpd'],
  busybox: ['deploy', 'busybox httpd'],
  uwsgi: ['deploy', 'uwsgi'],
  'mini-httpd': ['deploy', 'mini-httpd'],
  'nginx-fcgiwrap': ['deploy', 'nginx with fcgiwrap'],
  python: ['deploy', "Python's http.server"],
  'nginx-fastcgi': ['resident-servers', 'nginx', 'nginx-fastcgi.conf'],
  'nginx-scgi': ['resident-servers', 'nginx', 'nginx-scgi.conf'],
  'apache-fastcgi': ['resident-servers', 'Apache', 'mod_proxy_fcgi.conf'],
  'apache-scgi': ['resident-servers', 'Apache', 'mod_proxy_scgi.conf'],
  'apache-fcgid': ['resident-servers', 'Apache', 'mod_fcgid.conf'],
  'lighttpd-fastcgi': ['resident-servers', 'lighttpd', 'lighttpd-fastcgi.conf'],
  'lighttpd-bin-path': ['resident-servers', 'lighttpd', 'lighttpd-bin-path.conf'],
  'lighttpd-scgi': ['resident-servers', 'lighttpd', 'lighttpd-scgi.conf'],
  caddy: ['resident-servers', 'Caddy', 'Caddyfile'],
  haproxy: ['resident-servers', 'HAProxy', 'haproxy.cfg'],
  h2o: ['resident-servers', 'h2o', 'h2o.conf'],
} as const satisfies Readonly<Record<string, Place>>;

export type RecipeName = keyof typeof PLACES;

/** The names of the recipes, those for CGI first. */
export const RECIPES: readonly RecipeName[] = Object.keys(PLACES).filter(isRecipeName);

export function isRecipeName(name: string): name is RecipeName {
  return Object.hasOwn(PLACES, name);
}

export interface Recipe {
  /** "Apache". */
  title: string;
  /** The path or the name of the file; undefined for a web server without a configuration. */
  file: string | undefined;
  content: string;
  /** Commands for root, in their order. */
  commands: string[];
  /** What one has to know, a paragraph each. */
  notes: string[];
}

/** Returns the recipe `name` as its page has it. */
export function readRecipe(name: RecipeName): Recipe {
  const [page, title, wanted]: Place = PLACES[name];
  const sections = readFileSync(join(packageFolder, `docs/${page}.md`), 'utf8').split(/^## /m);
  const section = sections.find((text) => text.startsWith(`${title}\n`)) ?? '';
  const files = [...section.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)];
  const [, file, content = ''] = files.find(([, path]) => wanted === undefined || path === wanted) ?? [];
  const shown = [...section.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block).join('');
  const [, list = ''] = /^(- [\s\S]*)$/m.exec(section) ?? [];
  return {
    title,
    file,
    content,
    commands: [...shown.matchAll(/^# (.*)$/gm)].map(([, command = '']) => command),
    notes: list
      .split(/^- /m)
      .slice(1)
      .map((note) => toText(note.trim().replace(/\s*\n\s*/g, ' '))),
  };
}

/** Takes links and quotes of code out of Markdown. */
function toText(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
}
