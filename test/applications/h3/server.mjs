import { createServer } from 'node:http';
import { createApp, createError, createRouter, defineEventHandler, getQuery, readBody, sendRedirect, setCookie, toNodeListener } from 'h3';

const app = createApp();
const router = createRouter();
app.use(router);

router.get(
  '/',
  defineEventHandler((event) => {
    setCookie(event, 'seen', 'yes');
    return { message: '⚡️ Tadaa!' };
  }),
);
router.get(
  '/hello/:name',
  defineEventHandler((event) => `Hello ${event.context.params.name}! ${getQuery(event).x ?? ''}`),
);
router.post(
  '/echo',
  defineEventHandler(async (event) => ({ got: await readBody(event) })),
);
router.get(
  '/go',
  defineEventHandler((event) => sendRedirect(event, '/hello/there')),
);
router.get(
  '/teapot',
  defineEventHandler(() => {
    throw createError({ statusCode: 418, statusMessage: 'I am a teapot' });
  }),
);

createServer(toNodeListener(app)).listen(process.env.PORT || 3000);
