// What the examination reads in the configuration of a real server, in the limits of its process, and in its log.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findAccount } from '../../src/doctor/account.ts';
import { examine } from '../../src/doctor/index.ts';
import { start } from '../servers/servers.ts';
import { configurations } from './configurations.ts';
import { HELLO, script } from './deployments.ts';
import { askScript, cgiBinOf, startServer } from './site.ts';

test.each(
  configurations.filter(({ isPossible }) => isPossible?.() ?? true).map((configuration) => [configuration.name, configuration] as const),
)('%s', async (name, { codes, server, config, commands, make, question, isBroken, shellPath, clean }) => {
  let path = '';
  let folder = '';
  const before = process.env.PATH;
  const site = await start({ name, commands }, (cgiBin) => {
    folder = cgiBin;
    path = make?.(cgiBin) ?? script(cgiBin, HELLO) ?? join(cgiBin, 'script.cgi');
  }).catch((error) => {
    clean?.();
    throw error;
  });
  try {
    const answer = await askScript(site, 'script.cgi', question);
    const works = answer?.status === 200 && !isBroken?.(answer);
    expect(works, `${JSON.stringify(answer)} ${site.log()}`).toBe(codes.length === 0);
    if (shellPath) process.env.PATH = `${shellPath(folder)}:${before}`;
    const { findings } = await examine(path, { server, config: config && join(site.folder, config) });
    const wrong = findings.filter(({ severity }) => severity === 'fails');
    expect(
      wrong.map(({ code }) => code),
      JSON.stringify(findings, undefined, 1),
    ).toEqual(codes);
  } finally {
    process.env.PATH = before;
    await site.stop();
    clean?.();
  }
});

describe('the log', () => {
  test.each([
    [
      'a text without a #! line',
      'printf "Content-Type: text/plain\\n\\n"',
      'the file has no #! line, or is an executable for another machine',
    ],
    ['output before the head', '#!/bin/sh\necho hello world', 'the script wrote something before or in the head that is no header'],
    ['nothing at all', '#!/bin/sh\n', 'the script ended without a whole head; lines near this one may say why'],
    ['no interpreter', '#!/opt/no/such\n', 'the interpreter of the #! line does not exist, or the line ends in CRLF'],
  ])('of Apache says what %s means', async (_name, text, meaning) => {
    const site = await startServer('apache');
    try {
      script(cgiBinOf(site), text);
      expect((await askScript(site, 'script.cgi'))?.status).toBe(500);
      const { findings } = await examine(join(cgiBinOf(site), 'script.cgi'), {
        account: findAccount('www-data'),
        server: 'apache',
        config: join(site.folder, 'httpd.conf'),
      });
      const said = findings.filter(({ code }) => code === 'log-says').map(({ problem }) => problem);
      expect(said, site.log()).toContain(`The log has this message about the script. It means: ${meaning}.`);
    } finally {
      await site.stop();
    }
  });
});
