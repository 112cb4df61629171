import { serve } from '@hono/node-server';
import app from './app.tsx';

serve(app);
