// Every broken deployment fails under a real web server, and the examination names the cause. Where it gives a command, that
// command mends it. Every healthy deployment answers, and has no finding.

import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAccount } from '../../src/doctor/account.ts';
import { examine, type Report } from '../../src/doctor/index.ts';
import type { Running } from '../servers/servers.ts';
import { type Deployment, deployments } from './deployments.ts';
import { healthy } from './healthy.ts';
import { type Answer, askScript, cgiBinOf, makeFolder, type ServerName, startServer } from './site.ts';

const account = findAccount('www-data');
const isRefused = (answer: Answer | undefined) => answer === undefined || answer.status >= 400;

/** Examines a script with more folders in the PATH than the server has. */
async function examineIn(shellPath: string | undefined, path: string, options: Deployment['options']): Promise<Report> {
  const before = process.env.PATH;
  if (shellPath !== undefined) process.env.PATH = `${shellPath}:${before}`;
  try {
    return await examine(path, { account, ...options });
  } finally {
    process.env.PATH = before;
  }
}

describe.each(['apache', 'lighttpd', 'busybox', 'python'] satisfies ServerName[])('%s', (name) => {
  const ours = deployments.filter(({ server = 'apache', isPossible }) => server === name && (isPossible?.() ?? true));
  let site: Running;
  const proxy = createServer((socket) => socket.end());
  beforeAll(async () => {
    site = await startServer(name);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    proxy.close();
    await site?.stop();
  });

  test.each(ours.map((deployment, index) => [deployment.name, deployment, `broken${index}`] as const))(
    '%s',
    async (_name, deployment, slug) => {
      const { code, make, question = {}, isBroken = isRefused, options, isMended, shellPath, clean } = deployment;
      const folder = makeFolder(join(cgiBinOf(site), slug));
      const script = join(slug, make(folder) ?? 'script.cgi');
      const path = join(cgiBinOf(site), script);
      try {
        const address = proxy.address();
        const port = typeof address === 'object' ? address?.port : undefined;
        const asked = {
          ...question,
          headers: [...(question.headers ?? []), ...(code === 'http-proxy-used' ? [`Proxy: http://127.0.0.1:${port}/`] : [])],
        };
        const answer = await askScript(site, script, asked);
        expect(isBroken(answer, site.log()), JSON.stringify(answer)).toBe(true);

        const { findings } = await examineIn(shellPath?.(folder), path, options);
        const found = findings.find((finding) => finding.code === code);
        expect(
          found && { code: found.code, others: findings.filter(({ severity }) => severity === 'fails').length <= 1 },
          JSON.stringify(findings, undefined, 1),
        ).toEqual({ code, others: true });
        if (!isMended) return;

        for (const one of found?.mend ?? []) if ('run' in one) execFileSync('/bin/sh', ['-c', one.run], { stdio: 'ignore' });
        const mended = await askScript(site, script, question);
        expect(mended?.status, `${JSON.stringify(found?.mend)} ${site.log()}`).toBe(200);
        expect((await examine(path, { account, ...options })).findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
      } finally {
        clean?.(folder);
      }
    },
  );
});

describe('healthy', () => {
  let site: Running;
  beforeAll(async () => {
    site = await startServer('apache');
  });
  afterAll(() => site?.stop());

  const possible = healthy.filter(({ isPossible }) => isPossible?.() ?? true);

  test.each(possible.map((deployment, index) => [deployment.name, deployment, `healthy${index}`] as const))(
    '%s',
    async (_name, { make }, slug) => {
      const folder = makeFolder(join(cgiBinOf(site), slug));
      const script = join(slug, await make(folder));
      const answer = await askScript(site, script, {}, 10_000);
      expect([200, 302], site.log()).toContain(answer?.status);
      const { findings, answers } = await examine(join(cgiBinOf(site), script), { account });
      expect(
        findings.filter(({ severity }) => severity !== 'note'),
        JSON.stringify(findings),
      ).toEqual([]);
      expect(answers.length).toBeGreaterThan(4);
    },
  );
});

test('there are at least 40 broken deployments and 20 healthy ones', () => {
  expect(deployments.filter(({ isPossible }) => isPossible?.() ?? true).length).toBeGreaterThanOrEqual(40);
  expect(healthy.filter(({ isPossible }) => isPossible?.() ?? true).length).toBeGreaterThanOrEqual(20);
});
