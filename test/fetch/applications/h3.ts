// The routes of the comparison, in h3.

import {
  createApp,
  createError,
  createEventStream,
  createRouter,
  defineEventHandler,
  deleteCookie,
  getHeaders,
  getQuery,
  getRequestURL,
  getRequestWebStream,
  getRouterParams,
  parseCookies,
  readBody,
  readFormData,
  readMultipartFormData,
  readRawBody,
  sendNoContent,
  sendRedirect,
  sendStream,
  setCookie,
  setResponseHeader,
  setResponseStatus,
  toWebHandler,
  toWebRequest,
} from 'h3';
import { BYTES, blocks, describeForm, noted, PAGE } from './parts.ts';

const router = createRouter();
router.get(
  '/text',
  defineEventHandler(() => 'grün €'),
);
router.get(
  '/html',
  defineEventHandler((event) => {
    setResponseHeader(event, 'Content-Type', 'text/html; charset=utf-8');
    return PAGE;
  }),
);
router.get(
  '/json',
  defineEventHandler((event) => {
    setResponseStatus(event, 201);
    return { a: [1, 'ü'], b: null };
  }),
);
router.get(
  '/bytes',
  defineEventHandler(() => BYTES),
);
router.get(
  '/empty',
  defineEventHandler((event) => sendNoContent(event)),
);
router.get(
  '/redirect',
  defineEventHandler((event) => sendRedirect(event, 'http://localhost/text?a=b%20c', 307)),
);
router.get(
  '/throw',
  defineEventHandler(() => {
    throw new Error('thrown');
  }),
);
router.get(
  '/refuse',
  defineEventHandler(() => {
    throw createError({ status: 418, statusText: 'Teapot', data: { short: true } });
  }),
);
router.get(
  '/cookies',
  defineEventHandler((event) => {
    setCookie(event, 'a', '1', { path: '/', httpOnly: true });
    setCookie(event, 'b', 'ü, x', { maxAge: 60, sameSite: 'lax' });
    deleteCookie(event, 'c');
    return parseCookies(event);
  }),
);
router.get(
  '/params/:one/:two',
  defineEventHandler((event) => getRouterParams(event)),
);
router.get(
  '/query',
  defineEventHandler((event) => getQuery(event)),
);
router.get(
  '/request',
  defineEventHandler((event) => [event.method, getRequestURL(event).href, event.path, getHeaders(event), noted(toWebRequest(event))]),
);
router.get(
  '/wrapped/response',
  defineEventHandler(() => new Response('its own', { status: 202, headers: { 'X-Own': '1' } })),
);
router.get(
  '/stream',
  defineEventHandler(() => blocks()),
);
router.get(
  '/readable',
  defineEventHandler((event) => sendStream(event, new ReadableStream({ start: fill }))),
);
router.get(
  '/events',
  defineEventHandler((event) => {
    const stream = createEventStream(event);
    stream.push({ event: 'one', data: 'first', id: '1' }).then(() => stream.close());
    return stream.send();
  }),
);
router.use(
  '/method',
  defineEventHandler((event) => event.method),
);
router.post(
  '/body/text',
  defineEventHandler((event) => readRawBody(event)),
);
router.post(
  '/body/json',
  defineEventHandler((event) => readBody(event)),
);
router.post(
  '/body/form',
  defineEventHandler(async (event) => describeForm(await readFormData(event))),
);
router.post(
  '/body/parsed',
  defineEventHandler(async (event) =>
    (await readMultipartFormData(event))?.map(({ name, filename, data }) => [name, filename, String(data)]),
  ),
);
router.post(
  '/body/bytes',
  defineEventHandler((event) => readRawBody(event, false)),
);
router.post(
  '/body/pipe',
  defineEventHandler((event) => getRequestWebStream(event)),
);
router.post(
  '/body/unread',
  defineEventHandler(() => 'not read'),
);

async function fill(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
  for await (const block of blocks()) controller.enqueue(new TextEncoder().encode(block));
  controller.close();
}

const handler = toWebHandler(createApp().use(router));

export default { fetch: (request: Request) => handler(request) };
