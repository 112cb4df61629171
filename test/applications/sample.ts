// What is told of an application: how it is started natively and built, and what it is asked.

export interface Question {
  method: string;
  path: string;
  /** "Name: value" */
  headers?: string[];
  body?: string;
  /** A part that differs from one answer to the next, and so is not compared. */
  random?: RegExp;
}

export interface Sample {
  /** Its folder. */
  name: string;
  title: string;
  /** What is built, in the folder. */
  file: string;
  /** Whether it is built from the folder above, which has the packages. */
  isBuiltFromAbove?: boolean;
  /** What its author would start with Node, where that is another file. */
  start?: string;
  /** The framework's own command, which makes `file` of the sources. */
  make?: string[];
  /** Options of `run-with-cgi build`. */
  options?: string[];
  /** Packages that are beside the script. */
  installed?: string[];
  /** What the command says when the application cannot be built, and what its author can do. */
  cannot?: { says: string; mend: string };
  /** Whether the variable UPSTREAM tells it where the application "express-4" answers. */
  asksUpstream?: boolean;
  /** The newest Node on which its author can start it; undefined when it starts on all. */
  newestNode?: number;
  questions: Question[];
  /** What else such an application needs, where `build` makes a file of it. */
  note?: string;
}

export const get = (path: string, ...headers: string[]): Question => ({ method: 'GET', path, headers });
export const head = (path: string): Question => ({ method: 'HEAD', path });
export const post = (path: string, type: string, body: string, ...headers: string[]): Question => ({
  method: 'POST',
  path,
  headers: [`Content-Type: ${type}`, ...headers],
  body,
});
export const postJson = (path: string, value: unknown, ...headers: string[]) =>
  post(path, 'application/json', JSON.stringify(value), ...headers);
export const postForm = (path: string, body: string, ...headers: string[]) =>
  post(path, 'application/x-www-form-urlencoded', body, ...headers);

/** The header of HTTP's basic authentication for "name:password". */
export const basic = (user: string): string => `Authorization: Basic ${Buffer.from(user).toString('base64')}`;
