import { serve } from '@hono/node-server';
import router from './index.js';

serve(router);
