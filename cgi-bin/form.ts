// A guestbook: a form, and the entries people left, kept in a file that any number of requests may
// write to at once.

import { appendFileSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Application, type Environ, runWithCgi, type StartResponse } from 'run-with-cgi';

const application: Application = (environ, startResponse) => {
  const book = String(environ.GUESTBOOK_FILE ?? join(ownFolder(), 'guestbook.jsonl'));
  switch (environ.REQUEST_METHOD) {
    case 'GET':
    case 'HEAD':
      startResponse('200 OK', [['Content-Type', 'text/html; charset=utf-8']]);
      return [page(read(book))];
    case 'POST':
      return sign(book, environ, startResponse);
    default:
      startResponse('405 Method Not Allowed', [
        ['Allow', 'GET, HEAD, POST'],
        ['Content-Type', 'text/plain'],
      ]);
      return 'Only GET, HEAD and POST\n';
  }
};

/** Returns a folder of this user's. The one for temporary files is everybody's, and what others put there is not to be trusted. */
function ownFolder(): string {
  const user = process.geteuid?.();
  const folder = join(tmpdir(), `guestbook-${user}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (user !== undefined && lstatSync(folder).uid !== user) throw new Error(`${folder} is another user's; set GUESTBOOK_FILE`);
  return folder;
}

interface Entry {
  name: string;
  message: string;
  at: string;
}

function sign(book: string, environ: Environ, startResponse: StartResponse): null | string {
  if (!environ.CONTENT_TYPE?.startsWith('application/x-www-form-urlencoded')) {
    startResponse('415 Unsupported Media Type', [['Content-Type', 'text/plain']]);
    return 'Send a form\n';
  }
  const form = new URLSearchParams(environ['wsgi.input'].read().toString());
  const name = form.get('name')?.trim() ?? '';
  const message = form.get('message')?.trim() ?? '';
  if (name === '' || message === '' || name.length > 100 || message.length > 1000) {
    startResponse('422 Unprocessable Content', [['Content-Type', 'text/plain']]);
    return 'A name of up to 100 and a message of up to 1000 characters\n';
  }
  const entry: Entry = { name, message, at: new Date().toISOString() };
  // One write at the end of the file, so that requests at the same time cannot mix their lines.
  appendFileSync(book, `${JSON.stringify(entry)}\n`);
  startResponse('303 See Other', [['Location', environ.SCRIPT_NAME]]);
  return null;
}

function read(book: string): Entry[] {
  try {
    return readFileSync(book, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): Entry => JSON.parse(line));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function page(entries: Entry[]): string {
  const items = entries.map(({ name, message, at }) => `<li><b>${escapeHtml(name)}</b> (${escapeHtml(at)}): ${escapeHtml(message)}\n`);
  return `<!doctype html>
<meta charset="utf-8">
<title>Guestbook</title>
<form method="post">
<input name="name" placeholder="Name" maxlength="100" required>
<input name="message" placeholder="Message" maxlength="1000" required>
<button>Sign</button>
</form>
<ul>
${items.join('')}</ul>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

runWithCgi(application, { maxBodySize: 16_384 });
