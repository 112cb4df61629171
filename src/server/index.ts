// run-with-cgi/server: the development server.

export { makeServer } from './server.ts';
