// The container and the Kubernetes manifests of docs/machines.md, as far as they can be tried without Docker and Kubernetes: the
// steps of the image are plain commands in a folder, and the containers of the pod are processes in a network namespace.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { nginxArguments, succeeds } from './balancers.ts';
import { startLoad } from './client.ts';
import { exitStatus, type Machine, makeNetwork, type Network } from './network.ts';
import { kubernetes, shown } from './page.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-pod-'));
const file = (name: string) => join(folder, name);
const PATH = process.env.PATH ?? '';

interface Container {
  name: string;
  readinessProbe: { exec?: { command: string[] }; httpGet?: { path: string; port: string } };
  lifecycle: { preStop: { exec: { command: string[] } } };
  securityContext: { runAsUser: number };
}

const manifests = parseAllDocuments(kubernetes);
const byKind = new Map(manifests.map((manifest) => [manifest.get('kind'), manifest]));

function container(name: string): Container {
  const containers: Container[] = byKind.get('Deployment')?.toJS().spec.template.spec.containers;
  const found = containers.find((one) => one.name === name);
  if (!found) throw new Error(`kubernetes.yaml has no container ${name}`);
  return found;
}

/** Returns the words of the last `instruction` in exec form. */
function words(instruction: string): string[] {
  const [, json = ''] = [...shown('Dockerfile').matchAll(new RegExp(`\\b${instruction} (\\[.*\\])$`, 'gm'))].at(-1) ?? [];
  return inFolder(JSON.parse(json));
}

function inFolder(command: string[]): string[] {
  return command.map((word) => word.replace('/srv/app', folder));
}

let network: Network;
let pod: Machine;

beforeAll(() => {
  network = makeNetwork();
  pod = network.add('10.0.0.1');
  copyFileSync(fileURLToPath(new URL('application.mjs', import.meta.url)), file('app.mjs'));
  writeFileSync(file('probe.sh'), shown('probe.sh'));
  mkdirSync(file('node_modules/.bin'), { recursive: true });
  symlinkSync(root, file('node_modules/run-with-cgi'));
  symlinkSync(join(root, 'dist/cli/main.cjs'), file('node_modules/.bin/run-with-cgi'));
  chmodSync(folder, 0o755);
});
afterAll(async () => {
  await network?.remove();
  rmSync(folder, { recursive: true });
});

test('kubernetes.yaml is YAML, without a key that is there twice', () => {
  expect(manifests.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
  expect([...byKind.keys()]).toEqual(['Deployment', 'ConfigMap', 'Service', 'PodDisruptionBudget']);
});

test('the image: its steps make app.cgi, and the files that it copies exist', () => {
  const steps = [...shown('Dockerfile').matchAll(/^RUN (.*)$/gm)].map(([, step = '']) => step);
  const own = steps.filter((step) => !/^(npm ci|apt-get update) ?/.test(step));
  expect(own.length).toBe(steps.length - 2);
  for (const step of own) execFileSync('sh', ['-ec', step], { cwd: folder, env: { PATH, HOME: folder }, stdio: 'pipe' });
  expect(['app.cgi', 'probe.sh'].map((name) => existsSync(file(name)))).toEqual([true, true]);
});

test('a pod: both containers become ready, and when the pod ends no request is lost', async () => {
  const [spawnFcgi = '', ...args] = words('CMD');
  const env = { PATH, MACHINE: 'pod', FCGI_WEB_SERVER_ADDRS: '127.0.0.1' };
  const probe = container('app').readinessProbe.exec?.command ?? [];
  expect(inFolder(probe)).toEqual(words('HEALTHCHECK .* CMD'));
  expect(await exitStatus(pod, ...inFolder(probe))).not.toBe(0);

  const { runAsUser } = container('app').securityContext;
  const locked = [`--reuid=${runAsUser}`, `--regid=${runAsUser}`, '--clear-groups', '--no-new-privs', '--bounding-set=-all'];
  const app = pod.start('setpriv', [...locked, spawnFcgi, ...args], { env });
  await succeeds(pod, ...inFolder(probe));
  const site: string = byKind.get('ConfigMap')?.toJS().data['default.conf'];
  const web = pod.start('nginx', nginxArguments(site, folder));
  const { path = '' } = container('web').readinessProbe.httpGet ?? {};
  await succeeds(pod, 'wget', '-q', '-O', '-', '-t', '1', '-T', '2', `http://127.0.0.1:8080${path}`);

  const load = await startLoad(pod, 'GET', 'http://10.0.0.1:8080/', 8);
  // The kubelet runs the preStop of each container, then sends its signal. Meanwhile the service stops sending requests to the pod.
  const ends = [container('app'), container('web')].map(async ({ name, lifecycle }) => {
    await exitStatus(pod, ...lifecycle.preStop.exec.command);
    const child = name === 'app' ? app : web;
    const ended = once(child, 'exit');
    child.kill(name === 'app' ? 'SIGTERM' : 'SIGQUIT');
    return ended;
  });
  await sleep(2000);
  const { answered, failed } = await load.stop();
  expect([Object.keys(answered), failed]).toEqual([['pod'], []]);
  expect(await Promise.all(ends)).toEqual([
    [0, null],
    [0, null],
  ]);
}, 60_000);
