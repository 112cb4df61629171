// A script where it is deployed, which an examination is about: its path, the account that a web server runs it as, and what the server gives to it.

import type { Account } from './account.ts';
import type { ServerFacts } from './server/facts.ts';

export interface Deployment {
  /** The absolute path of the script. */
  path: string;
  /** The first 256 bytes of the script as a byte string; "" where this process may not read it. */
  start: string;
  account: Account;
  server: ServerFacts;
  /** Whether the server starts scripts by suexec, as `account`. */
  suexec: boolean;
}

/** The program that reads a script in the end, found without running anything. */
export interface Program {
  /** Its name in the #! line: "node", "python3". */
  name: string;
  /** Its absolute path; undefined where it was not found. */
  path: string | undefined;
}
