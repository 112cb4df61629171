// The files that workers leave beside their sockets: those of dead workers go, all others stay.

import { utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { deploy, files, left, one, overEachWay, two, until, versionOf, warmUp, workers } from './scripts.ts';

const namesOf = (version: string) => {
  const built = { one, two }[version];
  const hash = built ? versionOf(built) : version;
  return files('tmp').flatMap((path) => (path.includes(hash) ? [path.slice(path.indexOf(hash) + hash.length)] : []));
};

overEachWay(() => {
  test('a worker that a new version replaces leaves no files', async () => {
    deploy(one);
    const old = await warmUp();
    deploy(two);
    await warmUp();
    await until(() => !workers().includes(old));
    expect([namesOf('one'), namesOf('two')]).toEqual([[], ['', '.log', '.pid']]);
  });

  test('the next version removes what a killed worker has left', async () => {
    deploy(one);
    const pid = await warmUp();
    writeFileSync(left('.log').replace(/log$/, 'lock'), '');
    utimesSync(left('.lock'), 0, 0);
    process.kill(pid, 'SIGKILL');
    expect(namesOf('one')).toEqual(['', '.lock', '.log', '.pid']);
    deploy(two);
    await warmUp();
    await until(() => namesOf('one').length === 0);
    expect(namesOf('two')).toEqual(['', '.log', '.pid']);
  });

  test('files of a worker stay while it lives, starts, or may have requests to finish', async () => {
    deploy(one);
    const pid = await warmUp();
    const beside = (name: string) => left('.log').replace(/[^.]*\.log$/, name);
    const names = ['0'.repeat(12), '1'.repeat(12), '2'.repeat(12), 'other'].map((name) => beside(`${name}.log`));
    for (const name of [...names, beside('000000000000.lock')]) writeFileSync(name, '');
    for (const name of [names[0], names[1], names[3]]) utimesSync(name ?? '', 0, 0);
    process.kill(pid, 'SIGSTOP'); // it would give way to the new version
    deploy(two);
    await warmUp();
    await until(() => !files('tmp').includes(names[1] ?? ''));
    process.kill(pid, 'SIGCONT');
    expect([namesOf('one'), namesOf('000000000000'), namesOf('222222222222'), namesOf('other')]).toEqual([
      ['', '.log', '.pid'],
      ['.lock', '.log'],
      ['.log'],
      ['.log'],
    ]);
  });
});
