import { createApp, createRouter, defineEventHandler } from 'h3';

// Started by "npx listhen -w ./app.mjs".
export const app = createApp();

const router = createRouter();
app.use(router);

router.get(
  '/',
  defineEventHandler(() => ({ message: '⚡️ Tadaa!' })),
);
