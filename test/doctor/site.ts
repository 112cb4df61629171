// Real web servers with a folder for each deployment in their cgi-bin, and requests to them that give up in time.

import { chmodSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type RealServer, type Running, servers, start } from '../servers/servers.ts';
import type { Deployment } from './deployments.ts';

export type ServerName = NonNullable<Deployment['server']>;

const NAMES: Readonly<Record<ServerName, string>> = {
  apache: 'Apache mod_cgid',
  lighttpd: 'lighttpd',
  busybox: 'busybox httpd',
  python: 'Python http.server',
};

/** Starts one of the real servers. */
export function startServer(name: ServerName): Promise<Running> {
  const server = servers.find((one) => one.name === NAMES[name]);
  if (!server) throw new Error(`there is no ${name}`);
  const own: RealServer = {
    name,
    // Without its ErrorDocument, the server's own answer is what a client gets.
    commands: (site) => server.commands(site),
  };
  return start(own, () => {});
}

/** Makes a folder that the web server's user can enter. */
export function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
  return path;
}

export interface Question {
  /** Default: /cgi-bin/ and the script. */
  path?: string;
  method?: string;
  headers?: string[];
  body?: string;
}

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** A byte string. */
  body: string;
  /** Whether all of Content-Length has come, if there is one. */
  isWhole: boolean;
}

/** Asks for a script of the cgi-bin; undefined where no response comes, or where it has not ended within `limit` milliseconds. */
export function askScript({ port }: Running, script: string, question: Question = {}, limit = 3_000): Promise<Answer | undefined> {
  const { method = 'GET', path = `/cgi-bin/${script}`, headers = [], body = '' } = question;
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const socket = connect(port, '127.0.0.1');
  socket.write([`${method} ${path} HTTP/1.0`, 'Host: localhost', ...length, ...headers, '', body].join('\r\n'));
  let text = '';
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(new Error('too late')), limit);
    socket.on('data', (block) => {
      text += block.toString('latin1');
      if (text.length > 10_000_000) socket.destroy(new Error('too long'));
    });
    socket.on('error', ({ message }) => {
      if (message.startsWith('too ')) resolve(undefined);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(parse(text));
    });
  });
}

/** Reads a response whose lines end in LF or CRLF: some servers pass on what the script writes. */
function parse(text: string): Answer | undefined {
  const [, status, lines = '', body = ''] = /^HTTP\/1\.\d (\d+)[^\n]*\n((?:[^\r\n][^\n]*\n)*)\r?\n?(.*)$/s.exec(text) ?? [];
  if (status === undefined) return undefined;
  const headers = lines.split('\n').map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  return { status: Number(status), headers, body, isWhole: length === undefined || body.length >= Number(length) };
}

/** Returns the folder of a site in which its scripts are. */
export function cgiBinOf({ folder }: Running): string {
  return join(folder, 'root/cgi-bin');
}
