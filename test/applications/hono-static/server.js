import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { logger } from 'hono/logger';

const app = new Hono();

app.use(logger());
app.use('/api/*', etag());
app.get('/api/time', (c) => c.json({ zone: 'UTC' }));
app.use('/static/*', serveStatic({ root: './' }));
app.get('/', serveStatic({ path: './static/index.html' }));
app.notFound((c) => c.text('Nothing here', 404));

serve(app);
