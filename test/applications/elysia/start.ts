import { serve } from '@hono/node-server';
import app from './src/index.ts';

serve(app);
