// run-with-cgi/server: the development server.

export { demoApp } from './demo.ts';
export type { Log } from './log.ts';
export { makeServer, type ServerOptions } from './server.ts';
