// What a built file does before anything else of it is loaded.

import { guardStdout } from '../run.ts';

guardStdout();
// The bundler puts "production" in the place of process.env.NODE_ENV, and so of that name on the left of "=" as well. This
// is for all who ask in another way.
const { env } = process;
env.NODE_ENV ??= 'production';
