// run-with-cgi/server: the development server, an application behind node:http.

export type { Log } from '../gateway/error-stream.ts';
export { demoApp } from './demo.ts';
export { makeServer, type ServerOptions } from './server.ts';
