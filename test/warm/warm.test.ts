// A warm script, run as a web server runs it: Node answers the first requests, and one worker the later ones.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ask as askServer } from '../servers/client.ts';
import { servers, start } from '../servers/servers.ts';
import { ask, deploy, folder, left, one, overEachWay, type Seen, see, serverPath, until, warmUp, workers } from './scripts.ts';

overEachWay((way) => {
  describe('a warm script', () => {
    test('is answered by a process of its own at first, and by one worker later', async () => {
      deploy(one);
      const first = await see();
      expect(first).toMatchObject({ version: 'one', resident: false });
      const pid = await warmUp();
      expect([await see(), await see()]).toMatchObject([
        { pid, resident: true },
        { pid, resident: true },
      ]);
      expect(workers()).toEqual([pid]);
    });

    const bare = join(folder, 'bare');
    const onlyNode = () => {
      mkdirSync(bare, { recursive: true });
      if (readdirSync(bare).length === 0) symlinkSync(process.execPath, join(bare, 'node'));
      return { env: { PATH: bare } };
    };

    if (way !== 'Perl')
      test('is plain CGI without cgi-fcgi and Perl, and leaves nothing behind', async () => {
        deploy(one);
        const request = onlyNode();
        for (let count = 0; count < 3; count++) expect((await see(request)).resident).toBe(false);
        expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
      });

    if (way === 'Perl')
      test('needs no program but Node in the PATH', async () => {
        deploy(one);
        const request = onlyNode();
        await warmUp(request);
        expect((await see(request)).resident).toBe(true);
      });

    test('gives the application the same environ, except wsgi.run_once and wsgi.multithread', async () => {
      deploy(one);
      // A built script sets NODE_ENV in its own process where the server has not set it.
      const request = {
        path: '/environ',
        env: { NODE_ENV: 'production', QUERY_STRING: 'a=%C3%BC', HTTP_X: 'one', REMOTE_ADDR: '192.0.2.1' },
      };
      const plain = JSON.parse((await ask(request)).body);
      await warmUp();
      const warm = JSON.parse((await ask(request)).body);
      expect({ ...warm, 'wsgi.input': {}, 'wsgi.errors': {} }).toEqual({
        ...plain,
        'wsgi.input': {},
        'wsgi.errors': {},
        'wsgi.run_once': false,
        'wsgi.multithread': true,
      });
    });

    test('keeps the variables of the system, and those that --keep-env names, and none of a request', async () => {
      deploy(one);
      const request = {
        ...{
          HTTP_AUTHORIZATION: 'Basic of one',
          HTTP_PROXY: 'of one',
          QUERY_STRING: 'of one',
          REMOTE_USER: 'of one',
          SSL_CLIENT_CERT: 'of one',
          // Under fcgiwrap the shell reads the environment for variables that are there twice.
          FCGI_ROLE: 'RESPONDER',
        },
        // Variables of server modules about the client: OpenID Connect, PHP, LDAP, Shibboleth, Kerberos, SetEnvIf.
        ...{ OIDC_CLAIM_email: 'of one', PHP_AUTH_PW: 'of one', AUTHENTICATE_MAIL: 'of one', eppn: 'of one', 'Shib-Session-ID': 'of one' },
        ...{
          KRB5CCNAME: 'of one',
          GEOIP_COUNTRY_CODE: 'of one',
          is_mobile: 'of one',
          USER: 'of one',
          HTTPS: 'on',
          REDIRECT_eppn: 'of one',
        },
      };
      const system = {
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        HOME: folder,
        NODE_ENV: 'production',
        SSL_CERT_FILE: '/nowhere',
        https_proxy: 'http://proxy.test',
      };
      await warmUp({ env: { ...request, ...system } });
      const { env } = await see();
      const { PATH, TMPDIR, ...others } = env;
      expect(others).toEqual({ ...system, OF_THE_SERVER: 'yes' });
      expect([PATH, TMPDIR]).toEqual([serverPath(), join(folder, 'tmp')]);
      // The shell passes on only variables that it could have itself.
      const notOfTheShell = way === 'Perl' ? 'Shib-Session-ID, ' : '';
      const log = readFileSync(left('.log'), 'utf8');
      expect(log).toBe(
        `warm: the worker has no AUTHENTICATE_MAIL, GEOIP_COUNTRY_CODE, KRB5CCNAME, OIDC_CLAIM_email, PHP_AUTH_PW, ${notOfTheShell}USER, eppn, is_mobile in its environment, since they may belong to the request that has started it; name those that the web server sets for all requests by build --warm --keep-env NAME\n`,
      );
    });

    test('passes bodies of any size, both ways', async () => {
      deploy(one);
      await warmUp();
      const body = Buffer.from(Array.from({ length: 300_000 }, (_, at) => `${at} ü\n`).join(''));
      expect((await ask({ path: '/echo', body })).body === body.toString('latin1')).toBe(true);
    });

    test('that throws gives 500, and the server’s log has the cause', async () => {
      deploy(one);
      await warmUp();
      const { head, body, errors } = await ask({ path: '/throw' });
      expect([head, body]).toEqual([
        'Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26',
        '500 Internal Server Error\n',
      ]);
      expect(errors).toMatch(/^fastcgi: Error: on purpose\n {4}at /);
    });

    test('that prints without end does not fill the disk', async () => {
      deploy(one);
      await warmUp();
      const log = spawnSync('/usr/bin/find', [join(folder, 'tmp'), '-name', '*.log'], { encoding: 'utf8' }).stdout.trim();
      await ask({ path: '/print' });
      expect(statSync(log).size).toBeGreaterThan(1_000_000);
      await until(() => statSync(log).size === 0);
    });
  });

  describe('under real servers', () => {
    test.each(servers.filter(({ name }) => /Apache|lighttpd|busybox/.test(name)).map((server) => [server.name, server] as const))(
      '%s',
      async (_name, server) => {
        vi.stubEnv('PATH', serverPath());
        const site = await start(server, (cgiBin) => copyFileSync(one, join(cgiBin, 'app.cgi')));
        const get = async (): Promise<Seen> => JSON.parse((await askServer(site.port, { path: '/cgi-bin/app.cgi' })).body);
        const ours = () =>
          spawnSync('/usr/bin/pgrep', ['-f', `^[^ ]*node .* ${site.folder}`], { encoding: 'utf8' })
            .stdout.split('\n')
            .filter(Boolean)
            .map(Number);
        try {
          expect((await get()).resident).toBe(false);
          await until(async () => (await get()).resident);
          const all = await Promise.all(Array.from({ length: 20 }, get));
          expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
          const { status } = await askServer(site.port, { path: '/cgi-bin/app.cgi/throw' });
          expect(status).toBe(500);
        } finally {
          await site.stop();
          vi.unstubAllEnvs();
          for (const pid of ours()) process.kill(pid, 'SIGKILL');
        }
      },
    );
  });
});
