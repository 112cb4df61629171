// The light Response against Node's own: the same operations on both, and no difference.

import { inspect } from 'node:util';
import { describe, test } from 'vitest';
import { type Any, bodies, same, seen } from './compare.ts';

const PROPERTIES = ['type', 'url', 'redirected', 'status', 'ok', 'statusText', 'bodyUsed'];

describe('Response', () => {
  test.each<[string, (classes: Any) => Any]>([
    ['without anything', ({ Response: S }) => new S()],
    ['with all', ({ Response: S }) => new S('x', { status: 404, statusText: 'Gone \xfc', headers: { a: 'b' } })],
    ['a status as a string', ({ Response: S }) => new S('x', { status: '201' })],
    ['199', ({ Response: S }) => new S('x', { status: 199 })],
    ['600', ({ Response: S }) => new S('x', { status: 600 })],
    ['a status beyond 16 bits', ({ Response: S }) => new S('x', { status: 65_736 })],
    ['a reason with a line end', ({ Response: S }) => new S('x', { statusText: 'a\nb' })],
    ['a reason beyond bytes', ({ Response: S }) => new S('x', { statusText: '€' })],
    ['204 with a body', ({ Response: S }) => new S('', { status: 204 })],
    ['304 without', ({ Response: S }) => new S(null, { status: 304 })],
    ['init null', ({ Response: S }) => new S('x', null)],
    ['init a number', ({ Response: S }) => new S('x', 5)],
    ['headers null', ({ Response: S }) => new S('x', { headers: null })],
    ['another as init', ({ Response: S }) => new S('x', new S('y', { status: 201, headers: { a: 'b' } }))],
    ['error()', ({ Response: S }) => S.error()],
    ['json()', ({ Response: S }) => S.json({ a: 1 })],
    ['json() with init', ({ Response: S }) => S.json([1], { status: 201, headers: { 'content-type': 'x/y', a: 'b' } })],
    ['json() of what is none', ({ Response: S }) => S.json(undefined)],
    [
      'json() of a circle',
      ({ Response: S }) => {
        const circle: Record<string, unknown> = {};
        circle.self = circle;
        return S.json(circle);
      },
    ],
    ['json() with 204', ({ Response: S }) => S.json(1, { status: 204 })],
    ['redirect()', ({ Response: S }) => S.redirect('http://a/b c')],
    ['redirect() by 308', ({ Response: S }) => S.redirect('http://a/', 308)],
    ['redirect() by 200', ({ Response: S }) => S.redirect('http://a/', 200)],
    ['redirect() to a path', ({ Response: S }) => S.redirect('/a')],
    ['redirect() to nothing', ({ Response: S }) => S.redirect()],
    ['a bad status and a locked stream', ({ Response: S }) => new S(bodies['a locked stream']?.(), { status: 99 })],
    ['a bad status and a bad header', ({ Response: S }) => new S(null, { status: 99, headers: { a: '\n€' } })],
    ['json() with headers that can be read once', ({ Response: S }) => S.json(1, { headers: [['content-type', 'x/y']].values() })],
    ['json() of a lone surrogate', ({ Response: S }) => S.json('\udead')],
    ['a clone', ({ Response: S }) => new S('x', { status: 201, statusText: 'y', headers: { a: 'b' } }).clone()],
    ['a clone of an error', ({ Response: S }) => S.error().clone()],
  ])('%s', async (_what, make) => {
    await same((classes) => seen(make(classes), PROPERTIES));
    await same((classes) => make(classes).headers.append('a', 'c'));
    await same(async (classes) => (await make(classes)).text());
  });

  test.each([
    ...[
      'text/plain',
      'Text/PLAIN; Charset="UTF-8"',
      'text/html;charset=utf-8;a="b\\"c , d" ;e',
      'a/b;c=d;c=e',
      'a/b;=c;d',
      ' a/b \t;\tc=d',
    ],
    ...['garbage', '', '/', 'a/', '*/*', 'a/b, c/d', 'a/b;charset=x, a/b', 'a/b;charset=x, c/d', 'a/b, garbage', 'a/b;c=",", d/e;f="'],
    ...[
      'multipart/form-data; boundary=aBc',
      'a/b;c="d',
      'a/b;c=\xfc',
      'text/javascript',
      'a/b, */*',
      'a b/c',
      'a/b;charset=x,a/b;charset=y',
    ],
  ])('the type of a Blob of a body with the Content-Type %j', async (type) => {
    await same(async ({ Response: S }) => (await new S('x', { headers: { 'Content-Type': type } }).blob()).type);
    await same(async ({ Request: Q }) => (await new Q('http://a/', { headers: { 'Content-Type': type } }).blob()).type);
  });

  test('looks the same in a log', async () => {
    const options = { status: 404, statusText: 'Gone', headers: { 'X-A': '1' } };
    await same(({ Response: S }) => [inspect(new S('x', options)), inspect({ a: [S.error()] }), inspect(new S(), { depth: 0 })]);
  });

  test('called without new throws the same', async () => {
    await same(({ Response: S }) => S('x'));
  });
});
