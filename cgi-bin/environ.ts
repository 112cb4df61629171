// The request as the application sees it: every variable of environ, as an HTML page for a browser and
// as text for everyone else. The first thing to look at on a new server; not for a public one, which it
// would tell what the server's environment holds.

import { type Application, type Environ, runWithCgi } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  const wantsHtml = environ.HTTP_ACCEPT?.includes('text/html') ?? false;
  startResponse('200 OK', [
    // environ holds bytes, and ISO-8859-1 is the encoding that shows each of them.
    ['Content-Type', `text/${wantsHtml ? 'html' : 'plain'}; charset=iso-8859-1`],
    ['Vary', 'Accept'],
  ]);
  const page = wantsHtml ? asHtml(environ) : asText(environ);
  return [Buffer.from(page, 'latin1')];
};

function rows(environ: Environ): [key: string, value: string][] {
  return Object.keys(environ)
    .sort()
    .map((key) => [key, show(environ[key])]);
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'object' || typeof value === 'function' ? describe(value) : String(value);
}

function describe(value: object | null): string {
  return Array.isArray(value) ? value.join('.') : (value?.constructor.name ?? 'null');
}

function asText(environ: Environ): string {
  return rows(environ)
    .map(([key, value]) => `${key}=${value.replace(/[\0-\x1f\x7f]/g, (control) => encodeURIComponent(control))}\n`)
    .join('');
}

function asHtml(environ: Environ): string {
  const table = rows(environ).map(([key, value]) => `<tr><th>${escapeHtml(key)}<td>${escapeHtml(value)}\n`);
  return `<!doctype html>
<title>environ</title>
<style>th { text-align: left; vertical-align: top } td { font-family: monospace; word-break: break-all }</style>
<table>
${table.join('')}</table>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

runWithCgi(application);
