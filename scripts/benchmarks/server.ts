// Measures the development server against a bare node:http server that does the same work. wrk asks them in turn, with ever more
// connections. Prints Markdown.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROUNDS = 5;
const SECONDS = 3;
const CONNECTIONS = [1, 16, 64, 256];

const BARE = `
import { createServer } from 'node:http';
createServer((request, response) => {
  response.writeHead(200, ['Content-Type', 'text/plain', 'Content-Length', '14']);
  response.end('Hello, world!\\n');
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
`;
const OURS = `
import { makeServer } from 'run-with-cgi/server';
makeServer('127.0.0.1', 0, (environ, startResponse) => {
  startResponse('200 OK', [['Content-Type', 'text/plain']]);
  return ['Hello, world!\\n'];
}, { accessLog: ACCESS_LOG }).on('listening', function () { console.log(this.address().port); });
`;

/** Requests per second of the program `source`, once for each number of connections. */
async function load(source: string): Promise<number[]> {
  const path = join(process.cwd(), 'dist', `bench-${process.pid}.mjs`);
  writeFileSync(path, source);
  const log = join(mkdtempSync(join(tmpdir(), 'run-with-cgi-bench-')), 'log');
  const server = spawn('/bin/sh', ['-c', `exec "${process.execPath}" "${path}" 2>"${log}"`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(server.stdout, 'data');
  const url = `http://127.0.0.1:${Number(String(line))}/`;
  wrk(url, 16, 1);
  const rates = CONNECTIONS.map((connections) => wrk(url, connections, SECONDS));
  server.kill();
  await once(server, 'exit');
  return rates;
}

function wrk(url: string, connections: number, seconds: number): number {
  const report = execFileSync('wrk', ['-t1', `-c${connections}`, `-d${seconds}`, url], { encoding: 'utf8' });
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(report);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(report)?.[1]);
}

export async function server(): Promise<void> {
  const programs = { bare: BARE, ours: OURS.replace('ACCESS_LOG', 'process.stderr'), silent: OURS.replace('ACCESS_LOG', 'false') };
  const rates: Record<keyof typeof programs, number[][]> = { bare: [], ours: [], silent: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, source] of Object.entries(programs)) rates[name as keyof typeof programs].push(await load(source));
  }
  console.log('\n| connections | bare node:http | makeServer : bare | without an access log : bare |\n|---|---|---|---|');
  for (const [at, connections] of CONNECTIONS.entries()) {
    const ratio = (name: 'ours' | 'silent') => median(rates[name].map((round, which) => (round[at] ?? 0) / (rates.bare[which]?.[at] ?? 1)));
    const bare = median(rates.bare.map((round) => round[at] ?? 0));
    console.log(`| ${connections} | ${Math.round(bare)} requests/s | ${ratio('ours').toFixed(2)} | ${ratio('silent').toFixed(2)} |`);
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
