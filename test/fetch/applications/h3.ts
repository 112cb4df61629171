// The routes of the comparison, in h3.

import {
  createApp,
  createError,
  createEventStream,
  createRouter,
  defineEventHandler,
  deleteCookie,
  type EventHandler,
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
import { BYTES, blocks, describeForm, noted, PAGE, streamOf } from './parts.ts';

const get: Record<string, EventHandler> = {
  '/text': () => 'grün €',
  '/html': (event) => {
    setResponseHeader(event, 'Content-Type', 'text/html; charset=utf-8');
    return PAGE;
  },
  '/json': (event) => {
    setResponseStatus(event, 201);
    return { a: [1, 'ü'], b: null };
  },
  '/bytes': () => BYTES,
  '/empty': (event) => sendNoContent(event),
  '/redirect': (event) => sendRedirect(event, 'http://localhost/text?a=b%20c', 307),
  '/throw': () => {
    throw new Error('thrown');
  },
  '/refuse': () => {
    throw createError({ status: 418, statusText: 'Teapot', data: { short: true } });
  },
  '/cookies': (event) => {
    setCookie(event, 'a', '1', { path: '/', httpOnly: true });
    setCookie(event, 'b', 'ü, x', { maxAge: 60, sameSite: 'lax' });
    deleteCookie(event, 'c');
    return parseCookies(event);
  },
  '/params/:one/:two': (event) => getRouterParams(event),
  '/query': (event) => getQuery(event),
  '/request': (event) => [event.method, getRequestURL(event).href, event.path, getHeaders(event), noted(toWebRequest(event))],
  '/wrapped/text': (event) => {
    setResponseHeader(event, 'X-Wrapped', 'yes');
    return 'inside';
  },
  '/wrapped/response': (event) => {
    setResponseHeader(event, 'X-Wrapped', 'yes');
    return new Response('its own', { status: 202, headers: { 'X-Own': '1' } });
  },
  '/stream': () => blocks(),
  '/readable': (event) => sendStream(event, streamOf(blocks())),
  '/events': (event) => {
    const stream = createEventStream(event);
    stream.push({ event: 'one', data: 'first', id: '1' }).then(() => stream.close());
    return stream.send();
  },
};

const post: Record<string, EventHandler> = {
  '/body/text': (event) => readRawBody(event),
  '/body/json': (event) => readBody(event),
  '/body/form': async (event) => describeForm(await readFormData(event)),
  '/body/parsed': async (event) => (await readMultipartFormData(event))?.map(({ name, filename, data }) => [name, filename, String(data)]),
  '/body/bytes': (event) => readRawBody(event, false),
  '/body/pipe': (event) => getRequestWebStream(event),
  '/body/clone': async (event) => [await toWebRequest(event).clone().text(), await toWebRequest(event).text()],
  '/body/unread': () => 'not read',
};

const router = createRouter();
for (const [path, handler] of Object.entries(get)) router.get(path, defineEventHandler(handler));
for (const [path, handler] of Object.entries(post)) router.post(path, defineEventHandler(handler));
router.use(
  '/method',
  defineEventHandler((event) => event.method),
);

export default { fetch: toWebHandler(createApp().use(router)) };
