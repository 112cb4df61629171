// The environment of the process, byte for byte.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { environmentBlock, exactVariables, processVariables } from '../../src/environ/variables.ts';

describe('variables, byte for byte', () => {
  test('values that are no UTF-8 come from the environment block', () => {
    const { variables, lossy } = exactVariables({ A: 'x\ufffdy', B: 'ü', C: 'plain' }, 'A=x\xe9y\0B=\xc3\xbc\0C=plain\0');
    expect({ ...variables }).toEqual({ A: 'x\xe9y', B: '\xc3\xbc', C: 'plain' });
    expect(lossy).toEqual([]);
  });

  test('without the environment block, cgi.lossy names the variables that lost bytes', () => {
    const { variables, lossy } = exactVariables({ A: 'x\ufffdy', B: 'ü', C: undefined }, undefined);
    expect({ ...variables }).toEqual({ A: 'x\xef\xbf\xbdy', B: '\xc3\xbc' });
    expect(lossy).toEqual(['A']);
  });

  test('changes that the program made in process.env count', () => {
    const { variables } = exactVariables({ A: 'new', B: 'ä' }, 'A=old\0B=old\0C=deleted\0');
    expect({ ...variables }).toEqual({ A: 'new', B: '\xc3\xa4' });
  });

  test('nginx with fcgiwrap, civetweb: two variables of one name are joined, as the headers would be', () => {
    const block = 'HTTP_COOKIE=a=1\0HTTP_COOKIE=b=2\0HTTP_COOKIE=c=3\0HTTP_X=1\0HTTP_X=2\0SCRIPT_NAME=/a\0SCRIPT_NAME=/b\0=odd\0odd\0';
    const { variables } = exactVariables({ HTTP_COOKIE: 'a=1', HTTP_X: '1', SCRIPT_NAME: '/a' }, block);
    expect({ ...variables }).toEqual({ HTTP_COOKIE: 'a=1; b=2; c=3', HTTP_X: '1, 2', SCRIPT_NAME: '/a' });
  });

  test('an entry without "=" belongs to no variable', () => {
    expect({ ...exactVariables({ HTTP_A: '1' }, 'HTTP_A=1\0HTTP_AB\0').variables }).toEqual({ HTTP_A: '1' });
  });

  test('two variables of one name are joined behind the shell of a built file, too, which passes on only the last', () => {
    const before = 'A=1\nHTTP_COOKIE=a=1\nHTTP_COOKIE=b=2\nHTTP_X=\xe9\nHTTP_X=\xe8\nHTTP_Y=old\nHTTP_Y=older\n';
    const block = `A=1\n2\0HTTP_COOKIE=b=2\0HTTP_X=\xe8\0HTTP_Y=older\0RUN_WITH_CGI_ENVIRON=${before}\0`;
    const env = { A: '1\n2', HTTP_COOKIE: 'b=2', HTTP_X: '\ufffd', HTTP_Y: 'changed', RUN_WITH_CGI_ENVIRON: before };
    const { variables, lossy } = exactVariables(env, block);
    expect({ ...variables }).toEqual({ A: '1\n2', HTTP_COOKIE: 'a=1; b=2', HTTP_X: '\xe9, \xe8', HTTP_Y: 'changed' });
    expect(lossy).toEqual([]);
  });

  test('the variable that the shell passes on is removed', () => {
    process.env.RUN_WITH_CGI_ENVIRON = 'A=1\n';
    expect(processVariables().variables.RUN_WITH_CGI_ENVIRON).toBeUndefined();
    expect(process.env.RUN_WITH_CGI_ENVIRON).toBeUndefined();
  });

  test('arbitrary bytes survive', () => {
    const value = fc.uint8Array().map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0)));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), value), (given) => {
        const env: Record<string, string> = {};
        const expected: Record<string, string> = {};
        let block = '';
        for (const [name, bytes] of Object.entries(given)) {
          env[name] = bytes.toString('utf8');
          expected[name] = bytes.toString('latin1');
          block += `${name}=${bytes.toString('latin1')}\0`;
        }
        expect({ ...exactVariables(env, block).variables }).toEqual(expected);
      }),
    );
  });

  test('the block is read as bytes, and missing where the system has none', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'run-with-cgi-')), 'environ');
    writeFileSync(path, Buffer.from('A=\xe9\0', 'latin1'));
    expect(environmentBlock(path)).toBe('A=\xe9\0');
    rmSync(dirname(path), { recursive: true });
    expect(environmentBlock(path)).toBeUndefined();
    const own = '/proc/self/environ';
    expect(environmentBlock()).toBe(existsSync(own) ? readFileSync(own, 'latin1') : undefined);
  });

  test('the variables of this very process', () => {
    process.env.RUN_WITH_CGI_TEST = 'ä';
    expect(processVariables().variables).toMatchObject({ PATH: process.env.PATH, RUN_WITH_CGI_TEST: '\xc3\xa4' });
    delete process.env.RUN_WITH_CGI_TEST;
  });
});
