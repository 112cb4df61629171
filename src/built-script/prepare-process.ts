// The first module of a built script: keeps standard output for the response, and sets NODE_ENV.

import { guardStdout } from '../run.ts';

guardStdout();
// The bundler replaces process.env.NODE_ENV by "production"; this is for modules that read the variable in another way. It
// does not use the whole name, since the bundler would replace it on the left of "=", too.
const { env } = process;
env.NODE_ENV ??= 'production';
