// A script for the tests of real servers: what paths its adapters see.

import { runWithCgi } from 'run-with-cgi';
import { adapted } from './adapted.ts';

runWithCgi(adapted);
