import { serve } from '@hono/node-server';
import app from './app.mjs';

serve(app);
