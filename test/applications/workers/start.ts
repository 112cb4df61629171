// As Wrangler would, as far as this application asks for it.
import { serve } from '@hono/node-server';
import worker from './index.ts';

serve({ fetch: (request) => worker.fetch(request, {}, { waitUntil() {} }) });
