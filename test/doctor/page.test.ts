// The file of `build --doctor` where it is deployed: under Apache and busybox httpd, and started as they start it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDoctor } from '../../src/build/doctor-script.ts';
import { doctorPage } from '../../src/doctor/page.ts';
import { call } from '../../src/testing/index.ts';
import { command, withFolder } from '../cli/command.ts';
import type { Running } from '../servers/servers.ts';
import { HELLO, script } from './deployments.ts';
import { type Answer, askScript, cgiBinOf, makeFolder, startServer } from './site.ts';

const built = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-page-'));
const doctor = join(built, 'doctor.cgi');
let token = '';
let mark = '';
beforeAll(async () => {
  ({ token } = await buildDoctor(doctor, { interpreter: process.execPath, standalone: false }));
  mark = `.doctor-${digestOf(token).slice(0, 16)}.used`;
});
afterAll(() => rmSync(built, { recursive: true }));

const WWW_DATA = 33;
const temporary = `/tmp/run-with-cgi-${WWW_DATA}`;
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** Makes a folder with the doctor and two scripts, one of them broken. With `owner` the server's user can write into it. */
function deploy(folder: string, owner = WWW_DATA): string {
  makeFolder(folder);
  copyFileSync(doctor, join(folder, 'doctor.cgi'));
  script(folder, HELLO, 'hello.cgi');
  script(folder, HELLO.replaceAll('\n', '\r\n'), 'crlf.cgi');
  chownSync(folder, owner, owner);
  return folder;
}

const REPORT = (folder: string) => `${folder}/crlf.cgi, as the user www-data would run it

FAILS  ${folder}/crlf.cgi  [interpreter-line-crlf]
  The lines end in CRLF, as on Windows. Linux takes the CR for a part of the last word,
  and there is no interpreter "/bin/sh\\r".
  To mend: sed -i 's/\\r$//' ${folder}/crlf.cgi

Not looked at:
  The script was not run, because the server could not start it. Mend this first, and
  examine it again.

1 thing fails. docs/doctor.md explains each code.

${folder}/hello.cgi, as the user www-data would run it

  GET /cgi-bin/hello.cgi: 200, 0 ms
  GET /cgi-bin/hello.cgi again: 0 ms; sh takes 0 ms for an empty file
  HEAD /cgi-bin/hello.cgi: 200, 0 ms
  GET /cgi-bin/hello.cgi?a=%20b&%FF: 200, 0 ms

note  HEAD /cgi-bin/hello.cgi  [body-on-head]
  The answer to HEAD has a body of 6 bytes. Apache, lighttpd and nginx drop it; busybox
  httpd and Python's http.server send it, and the client takes it for the next response.
  To mend: Write no body where REQUEST_METHOD is HEAD.

All is well: the script answers.

The token is used up. Remove this file from the server.
`;

const USED = 'The token has been used. Build the file anew.\n';

describe.each(['apache', 'busybox'] as const)('under %s', (name) => {
  let site: Running;
  const ask = (folder: string, body: string, more: object = {}): Promise<Answer | undefined> =>
    askScript(site, 'doctor.cgi', { method: 'POST', path: `/cgi-bin/${folder}/doctor.cgi`, body, ...more }, 30_000);
  beforeAll(async () => {
    site = await startServer(name);
  });
  afterAll(() => site?.stop());
  const at = (folder: string) => join(cgiBinOf(site), folder);

  test('reports once, to the holder of the token', async () => {
    const folder = deploy(at('once'));
    const answer = await ask('once', `token=${token}`);
    expect(answer?.body.replaceAll(/\d+ ms/g, '0 ms')).toBe(REPORT(folder));
    expect(answer?.status).toBe(200);
    expect(Object.fromEntries(answer?.headers ?? [])).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(await ask('once', `token=${token}`)).toMatchObject({ status: 403, body: USED });
    expect(readdirSync(folder).sort()).toEqual([mark, 'crlf.cgi', 'doctor.cgi', 'hello.cgi']);
    expect(site.log()).not.toContain(token);
  });

  test('is not there for anybody else', async () => {
    const folder = deploy(at('closed'));
    const missing = { status: 404, body: '404 Not Found\n' };
    const close = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    expect(await ask('closed', '', { method: 'GET', path: `/cgi-bin/closed/doctor.cgi?token=${token}` })).toMatchObject(missing);
    for (const body of [
      '',
      'token=',
      `token=${close}`,
      `token[]=${token}`,
      `TOKEN=${token}`,
      `token=${token}%00`,
      `${token}`,
      '%',
      '\xff',
    ]) {
      expect([body, await ask('closed', body)]).toEqual([body, expect.objectContaining(missing)]);
    }
    expect(await ask('closed', `token=${token}&x=${'x'.repeat(5000)}`)).toMatchObject(missing);
    expect(readdirSync(folder)).not.toContain(mark);
    expect(readFileSync(doctor).includes(token)).toBe(false);
  });

  test('gives one report to many requests at the same moment', async () => {
    deploy(at('many'));
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => ask('many', `token=${token}&script=hello.cgi`)));
    expect(answers.map((answer) => answer?.status).sort()).toEqual([200, 403, 403, 403, 403]);
  });

  test('remembers the token among the temporary files, where it cannot write into its folder', async () => {
    const folder = deploy(at('read-only'), 0);
    try {
      expect(await ask('read-only', `token=${token}&script=crlf.cgi`)).toMatchObject({ status: 200 });
      expect(existsSync(join(temporary, mark))).toBe(true);
      expect(await ask('read-only', `token=${token}&script=crlf.cgi`)).toMatchObject({ status: 403, body: USED });
      expect(readdirSync(folder)).not.toContain(mark);
    } finally {
      rmSync(join(temporary, mark), { force: true });
    }
  });
});

interface Done {
  status: string | undefined;
  text: string;
}

describe('the script', () => {
  /** Starts the doctor in `folder` as a web server does, as its user, for one POST request. */
  function ask(folder: string, body: string, env: Record<string, string> = {}): Done {
    const { stdout } = spawnSync(join(folder, 'doctor.cgi'), {
      cwd: folder,
      encoding: 'utf8',
      input: body,
      env: {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        GATEWAY_INTERFACE: 'CGI/1.1',
        REQUEST_METHOD: 'POST',
        CONTENT_LENGTH: String(Buffer.byteLength(body)),
        SCRIPT_NAME: '/cgi-bin/doctor.cgi',
        ...env,
      },
      uid: WWW_DATA,
      gid: WWW_DATA,
    });
    const [, status, text = ''] = /^Status: (\d+)[\s\S]*?\r\n\r\n([\s\S]*)$/.exec(stdout) ?? [];
    return { status, text };
  }

  function inFolder(use: (folder: string) => void, owner = WWW_DATA): void {
    const folder = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-place-'));
    chmodSync(folder, 0o755);
    deploy(folder, owner);
    try {
      use(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('examines scripts of its own folder tree only, and a wrong name leaves the token as it is', () =>
    inFolder((folder) => {
      const outside = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-outside-'));
      chmodSync(outside, 0o755);
      script(outside, HELLO, 'other.cgi');
      symlinkSync(join(outside, 'other.cgi'), join(folder, 'link.cgi'));
      symlinkSync(outside, join(folder, 'tree'));
      script(folder, 'PASSWORD=secret\n', 'settings.txt', 0o644);
      script(folder, 'PASSWORD=secret\n', '.env', 0o755);
      script(folder, HELLO, 'foreign.cgi');
      chownSync(join(folder, 'foreign.cgi'), 1, 1);
      spawnSync('mkfifo', ['-m', '777', join(folder, 'fifo.cgi')]);
      mkdirSync(join(folder, 'sub.cgi'));
      script(join(folder, 'sub.cgi'), HELLO, 'inner.cgi');
      const names = [
        ...[`../${outside.split('/').at(-1)}/other.cgi`, `${outside}/other.cgi`, 'link.cgi', 'tree/other.cgi', 'settings.txt', '.env'],
        ...['foreign.cgi', 'fifo.cgi', 'sub.cgi', 'missing.cgi', 'hello.cgi\0', '.', '..', '/', 'doctor.cgi', 'hello.cgi/..', '~'],
      ];
      const refusal = 'The folder of this file has no such script, or the script belongs to another user.\n';
      for (const name of names) {
        expect([name, ask(folder, `token=${token}&script=${encodeURIComponent(name)}`)]).toEqual([name, { status: '404', text: refusal }]);
      }
      const { status, text } = ask(folder, `token=${token}&script=sub.cgi/../sub.cgi/inner.cgi`);
      expect([status, text.split('\n')[0]]).toEqual(['200', `${folder}/sub.cgi/inner.cgi, as the user www-data would run it`]);
      rmSync(outside, { recursive: true });
    }));

  test("runs nobody else's script, and follows no link out of its folder", () =>
    inFolder((folder) => {
      chmodSync(folder, 0o777);
      for (const name of ['hello.cgi', 'crlf.cgi']) rmSync(join(folder, name));
      script(folder, `#!/bin/sh\necho >${folder}/was-run\n`, 'foreign.cgi');
      chownSync(join(folder, 'foreign.cgi'), 1, 1);
      symlinkSync('/bin/true', join(folder, 'link.cgi'));
      expect(ask(folder, `token=${token}`).text).toBe(`There is no script to examine.

Not examined:
  foreign.cgi belongs to another user than this file.
  link.cgi is a link that leads out of the folder.

The token is used up. Remove this file from the server.
`);
      expect(existsSync(join(folder, 'was-run'))).toBe(false);
    }));

  test('gives scripts and readers none of its own variables', () =>
    inFolder((folder) => {
      const secrets = { DB_PASSWORD: 'hunter22', REDIRECT_KEY: 'first line\nsecond line', HTTP_COOKIE: 'session=abcdef' };
      script(folder, '#!/bin/sh\nenv >&2; exit 1\n', 'hello.cgi');
      // A script that has the values by itself, out of a file for instance.
      script(folder, "#!/bin/sh\necho 'hunter22, second line and session=abcdef' >&2; exit 1\n", 'crlf.cgi');
      const { status, text } = ask(folder, `token=${token}`, secrets);
      expect(status).toBe('200');
      expect(text).toContain('| [DB_PASSWORD], [REDIRECT_KEY] and [HTTP_COOKIE]\n');
      expect(text).not.toMatch(/hunter22|second line|abcdef/);
      expect(text).not.toContain(token);
    }));

  test('gives no report that it cannot remember', () =>
    inFolder((folder) => {
      const { status, text } = ask(folder, `token=${token}`, { TMPDIR: '/dev/null' });
      expect(status).toBe('403');
      expect(text).toContain('can write neither into');
    }, 0));

  test('takes a link in the place of its mark for a mark, and does not follow it', () =>
    inFolder((folder) => {
      symlinkSync(join(folder, 'made'), join(folder, mark));
      expect(ask(folder, `token=${token}`)).toEqual({ status: '403', text: USED });
      expect(existsSync(join(folder, 'made'))).toBe(false);
    }));

  test('uses no folder of the temporary files that another user has made', () =>
    inFolder((folder) => {
      const shared = mkdtempSync(join(tmpdir(), 'run-with-cgi-doctor-shared-'));
      chmodSync(shared, 0o777);
      mkdirSync(join(shared, `run-with-cgi-${WWW_DATA}`));
      chmodSync(join(shared, `run-with-cgi-${WWW_DATA}`), 0o777);
      expect(ask(folder, `token=${token}`, { TMPDIR: shared }).status).toBe('403');
      rmSync(shared, { recursive: true });
    }, 0));

  test('looks at a thousand entries of a huge folder', () =>
    inFolder((folder) => {
      for (let count = 0; count < 3000; count++) writeFileSync(join(folder, `${count}.txt`), '');
      for (let count = 0; count < 200; count++) script(folder, '', `${count}.cgi`);
      const { status, text } = ask(folder, `token=${token}`);
      expect(status).toBe('200');
      expect(text).toContain('\n  The folder has many entries; only 1000 were looked at.\n');
      expect([...text.matchAll(/^FAILS/gm)].length).toBeLessThanOrEqual(20);
    }));

  test('sends POST requests where it is asked to, and the path', () =>
    inFolder((folder) => {
      const { text } = ask(folder, `token=${token}&script=hello.cgi&post=1&path=/a`);
      expect(text).toContain('GET /cgi-bin/hello.cgi/a: 200');
      expect(text).toContain('POST /cgi-bin/hello.cgi/a: 200');
    }));
});

describe('the command', () => {
  const { folder } = withFolder({});
  beforeAll(() => symlinkSync(new URL('../../node_modules/esbuild', import.meta.url).pathname, join(folder, 'node_modules/esbuild')));

  test('makes the file, and prints its token and the request that it is for', async () => {
    const { code, stdout, stderr } = await command(['build', '--doctor', '-o', 'find-out.cgi'], { cwd: folder });
    const shown = stdout
      .replace(/\d+ kB/, '1 kB')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, '2026-11-22 03:00')
      .replace(/[\w-]{43}/, 'TOKEN');
    expect({ code, shown, stderr }).toEqual({
      code: 0,
      shown: `find-out.cgi: 1 kB; reports once, until 2026-11-22 03:00 UTC
Copy it beside your scripts, and send it its token:
  curl -d token=TOKEN https://example.org/cgi-bin/find-out.cgi
`,
      stderr: '',
    });
    expect(readdirSync(folder)).not.toContain('find-out.cgi.map');
  });

  test.each([
    [['build', '--doctor', 'app.mjs'], '--doctor takes no module, got app.mjs'],
    [['build', '--doctor', '--warm'], '--warm is not for --doctor'],
    [['build', '--doctor', '--standalone'], '--doctor is for Node: --standalone=node'],
    [['build', '--doctor', '--standalone=node', '--interpreter', '/a'], '--interpreter is not for --standalone'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await command(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 2, stderr: `run-with-cgi: ${message} [option-wrong]\n` });
  });
});

test('a token expires', async () => {
  const page = doctorPage({ digest: digestOf('word'), expires: Date.now() - 1 });
  const { status, text } = await call(page, { method: 'POST', body: 'token=word' });
  expect([status, text]).toEqual(['403 Forbidden', 'The token has expired. Build the file anew.\n']);
});
