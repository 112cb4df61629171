// Sends requests without a pause through the real nginx while workers are replaced and killed. nginx is told to try nothing
// twice, so that it hides no lost request. STORM_REQUESTS sets how many there are; docs/resident.md makes its claim for 100,000.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../host/processes.ts';
import { type RealServer, type Running, start } from '../servers/servers.ts';
import { bodies } from './storm-application.ts';

const REQUESTS = Number(process.env.STORM_REQUESTS ?? 10_000);
const CONNECTIONS = 64;
const command = fileURLToPath(new URL('../../dist/cli/main.cjs', import.meta.url));

const nginx: RealServer = {
  name: 'nginx',
  commands({ folder, port }) {
    const temporary = ['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
    writeFileSync(
      join(folder, 'nginx.conf'),
      `user www-data;
worker_processes 1;
pid ${folder}/pid;
error_log ${folder}/logs/error.log;
events {}
http {
  access_log off;
  client_max_body_size 0;
  ${temporary.join('\n  ')}
  upstream app { server unix:${folder}/app.sock; keepalive ${CONNECTIONS}; }
  server {
    listen 127.0.0.1:${port};
    location / {
      include /etc/nginx/fastcgi_params;
      fastcgi_pass app;
      fastcgi_keep_conn on;
      fastcgi_next_upstream off;
      fastcgi_read_timeout 20s;
    }
  }
}
`,
    );
    return [['/usr/sbin/nginx', '-c', join(folder, 'nginx.conf'), '-g', 'daemon off;']];
  },
};

let site: Running | undefined;
let supervisor: ChildProcess | undefined;
afterEach(async () => {
  if (supervisor && supervisor.exitCode === null && supervisor.signalCode === null) {
    // Its workers end when it has ended.
    supervisor.kill('SIGKILL');
    await once(supervisor, 'exit');
  }
  await site?.stop();
});

interface Failure {
  id: number;
  why: string;
  began: number;
  ended: number;
}

/** Starts nginx, and a gateway of so many `workers` behind it. */
async function begin(workers: number): Promise<{ port: number; gateway: ChildProcess; marks: string; log: () => string }> {
  site = await start(nginx, () => {});
  const { folder, port, log } = site;
  const application = join(folder, 'application.mjs');
  buildSync({
    entryPoints: [fileURLToPath(new URL('storm-application.ts', import.meta.url))],
    outfile: application,
    bundle: true,
    format: 'esm',
    platform: 'node',
  });
  const marks = join(folder, 'marks/requests');
  writeFileSync(marks, '');
  const words = ['--socket', join(folder, 'app.sock'), '--mode', '666', '--script-name', '', '--workers', String(workers)];
  const gateway = spawn(process.execPath, [command, 'fastcgi', application, ...words], {
    env: { PATH: process.env.PATH, STORM_MARKS: marks },
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  supervisor = gateway;
  await until(() => existsSync(join(folder, 'app.sock')) && workersOf(gateway).length === workers);
  return { port, gateway, marks, log };
}

function workersOf({ pid }: ChildProcess): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** Sends `count` requests, and calls `disturb` after each answer. Returns the requests that failed, and those with wrong bytes. */
async function storm(port: number, count: number, disturb: (answered: number) => void): Promise<{ failures: Failure[]; wrong: string[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const failures: Failure[] = [];
  const wrong: string[] = [];
  let next = 0;
  let answered = 0;
  const client = async () => {
    while (next < count) {
      const id = next++;
      const began = Date.now();
      try {
        const { status, body } = await ask(agent, port, id);
        if (status === 409) wrong.push(`${id}: what came up`);
        else if (status !== 200) throw new Error(`status ${status}`);
        else if (!body.equals(bodies(id).down)) wrong.push(`${id}: what came down, ${body.length} bytes`);
      } catch (error) {
        failures.push({ id, why: String(error), began, ended: Date.now() });
      }
      disturb(++answered);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
  return { failures, wrong };
}

function ask(agent: Agent, port: number, id: number): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const { up } = bodies(id);
    const method = up.length > 0 ? 'POST' : 'GET';
    const sent = request({ agent, port, host: '127.0.0.1', method, path: `/${id}`, headers: { 'Content-Length': up.length } }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces) }));
    });
    sent.on('error', reject);
    sent.end(up);
  });
}

describe('a storm of requests', () => {
  test(
    'loses no request and no byte while workers are replaced',
    async () => {
      const { port, gateway, log } = await begin(2);
      const seen = new Set(workersOf(gateway));
      const { failures, wrong } = await storm(port, REQUESTS / 2, (answered) => {
        if (answered % 50 === 0) gateway.kill('SIGHUP');
        for (const pid of workersOf(gateway)) seen.add(pid);
      });
      if (process.env.STORM_REQUESTS) console.log(`${REQUESTS / 2} requests, ${seen.size - 2} workers replaced, ${failures.length} failed`);
      expect({ failures, wrong }).toEqual({ failures: [], wrong: [] });
      expect(seen.size).toBeGreaterThan(4);
      expect(log()).not.toMatch(/\[(?:error|crit|alert)\]/);
    },
    60_000 + REQUESTS * 10,
  );

  test(
    'loses no request and no byte while workers have uncaught errors',
    async () => {
      const { port, gateway, log } = await begin(4);
      const broken = new Set<number>();
      const { failures, wrong } = await storm(port, REQUESTS / 2, (answered) => {
        if (answered % 100 !== 0) return;
        const [pid, ...others] = workersOf(gateway).filter((worker) => !broken.has(worker));
        if (pid === undefined || others.length < 3) return;
        process.kill(pid, 'SIGUSR2');
        broken.add(pid);
      });
      if (process.env.STORM_REQUESTS) console.log(`${REQUESTS / 2} requests, ${broken.size} workers broken, ${failures.length} failed`);
      expect({ failures, wrong }).toEqual({ failures: [], wrong: [] });
      expect(broken.size).toBeGreaterThan(3);
      expect(log()).not.toMatch(/\[(?:error|crit|alert)\]/);
    },
    60_000 + REQUESTS * 10,
  );

  test(
    'loses only the running requests of workers that are killed',
    async () => {
      const { port, gateway, marks, log } = await begin(4);
      const kills: { pid: number; at: number; over: number }[] = [];
      const { failures, wrong } = await storm(port, REQUESTS / 2, (answered) => {
        if (answered % 300 === 0) gateway.kill('SIGHUP');
        // The system closes a killed process's connections when its last thread has ended, which takes a while.
        for (const kill of kills) if (kill.over === Infinity && !existsSync(`/proc/${kill.pid}`)) kill.over = Date.now();
        if (answered % 100 !== 0) return;
        // Kills the oldest worker, once all are there: a worker that dies young is replaced only after a while.
        const [pid, ...others] = workersOf(gateway);
        if (pid === undefined || others.length < 3) return;
        process.kill(pid, 'SIGKILL');
        kills.push({ pid, at: Date.now(), over: Infinity });
      });
      if (process.env.STORM_REQUESTS) console.log(`${REQUESTS / 2} requests, ${kills.length} workers killed, ${failures.length} failed`);
      expect(wrong).toEqual([]);

      const killed = new Set(kills.map(({ pid }) => pid));
      const ran = new Map(
        readFileSync(marks, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' ').map(Number) as [number, number]),
      );
      const unexplained = failures.filter(({ id, began, ended }) => {
        const pid = ran.get(id);
        // A request without a mark never reached the application. Then it was lost with a worker that was killed meanwhile, or
        // shortly before: where only END_REQUEST is missing, nginx sends a whole response, then closes the client's connection.
        const late = pid === undefined ? 500 : 0;
        const wasCut = kills.some((kill) => (pid === undefined || kill.pid === pid) && began <= kill.over + late && kill.at <= ended);
        return !wasCut || (pid !== undefined && !killed.has(pid));
      });
      const seen = unexplained.map((failure) => ({ ...failure, ranIn: ran.get(failure.id), kills, log: log() }));
      expect(seen).toEqual([]);
      expect(kills.length).toBeGreaterThan(3);
      // nginx could connect at any time.
      expect(log()).not.toMatch(/connect\(\)/);
    },
    60_000 + REQUESTS * 10,
  );
});
