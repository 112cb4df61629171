// run-with-cgi fastcgi: serves an application by FastCGI.

import { serveFastCgi } from '../fastcgi/index.ts';
import { runResident, usageOf } from './resident.ts';

export { options } from './resident.ts';

export const usage = usageOf('fastcgi', 'FastCGI');

export function run(args: string[]): Promise<number> {
  return runResident('fastcgi', serveFastCgi, args);
}
