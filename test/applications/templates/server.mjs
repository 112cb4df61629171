import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { marked } from 'marked';
import Mustache from 'mustache';

const read = (name) => readFile(new URL(name, import.meta.url), 'utf8');

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  if (url.pathname === '/') {
    const page = Mustache.render(await read('./pages/home.mustache'), { name: url.searchParams.get('name'), links: ['about'] });
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
    return;
  }
  try {
    const text = await read(`./pages${url.pathname}.md`);
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(marked.parse(text));
  } catch {
    res.writeHead(404).end('No such page');
  }
});

server.listen(8080);
