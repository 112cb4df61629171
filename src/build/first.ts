// What a built file does before anything else of it is loaded.

import { guardStdout } from '../run.ts';

guardStdout();
