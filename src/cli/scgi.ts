// run-with-cgi scgi: serves an application by SCGI.

import { serveScgi } from '../scgi/index.ts';
import { runResident, usageOf } from './resident.ts';

export { options } from './resident.ts';

export const usage = usageOf('scgi', 'SCGI');

export function run(args: string[]): Promise<number> {
  return runResident('scgi', serveScgi, args);
}
