// The light classes have the same members as Node's own, and load nothing of Node's.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { type Any, light, native, same } from './compare.ts';

describe('shape', () => {
  /** All own properties, but for what Node's classes keep under symbols of their own, and light ones add for instanceof. */
  const shape = (platformClass: Any) => {
    const describeProperties = (target: object) =>
      Object.fromEntries(
        Reflect.ownKeys(target)
          .filter((name) => typeof name === 'string' || [Symbol.toStringTag, Symbol.iterator, inspect.custom].includes(name))
          .map((name) => {
            const { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
            const what = typeof value === 'function' ? `function ${name === inspect.custom ? '' : value.name} of ${value.length}` : value;
            return [String(name), { what, get: get?.name, set: set?.name, ...flags }];
          }),
      );
    const { prototype: _, ...statics } = describeProperties(platformClass);
    return { statics, prototype: describeProperties(platformClass.prototype) };
  };

  test.each(['Headers', 'Response', 'Request'] as const)('%s has exactly the properties of the native one', (name) => {
    expect(shape(light[name])).toEqual(shape(native[name]));
  });

  test('instanceof, names and Object.prototype.toString are the same', async () => {
    await same(({ Headers: H, Request: Q, Response: S }) => [
      new H() instanceof H,
      new S() instanceof S,
      new Q('http://a/') instanceof Q,
      {} instanceof S,
      Object.prototype.toString.call(new S()),
      Object.prototype.toString.call(new H().entries()),
      [H.name, Q.name, S.name],
      class extends S {}.name,
      new S() instanceof class Mine extends S {},
    ]);
    expect(new Response() instanceof light.Response).toBe(true);
    expect(new Request('http://a/') instanceof light.Request).toBe(true);
  });
});

test('a plain request and response load neither undici nor streams', async () => {
  const source = `
    import { createRequest, Request, Response, Headers, bodyOf, headerList } from './src/fetch/light/index.ts';
    (async () => {
      const blocks = (async function* () { yield Buffer.from('{"a":1}'); })();
      const request = createRequest({ url: 'http://a/', method: 'POST', headers: [['a', 'b']], body: () => blocks, signal: () => { throw new Error('nobody asked'); } });
      const { a } = await request.json();
      const own = new Request('http://b/', { method: 'PUT', body: 'x', headers: new Headers({ c: 'd' }) });
      const response = Response.json({ a, own: await own.text(), url: own.url, header: request.headers.get('a') }, { status: 201 });
      console.log(bodyOf(response), JSON.stringify(headerList(response.headers)));
      console.log(process.moduleLoadList.filter((name) => /undici|webstreams\\/readable/.test(name)).join());
    })();`;
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const printed = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', outputFiles[0]?.text ?? ''], {
    encoding: 'utf8',
    env: {},
  });
  expect(printed).toBe('{"a":1,"own":"x","url":"http://b/","header":"b"} [["content-type","application/json"]]\n\n');
});
