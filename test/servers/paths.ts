// A script for the tests of real servers: answers with the path that an adapter sees.

import { runWithCgi } from 'run-with-cgi';
import { adapted } from './adapted.ts';

runWithCgi(adapted);
