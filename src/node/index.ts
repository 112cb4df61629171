// run-with-cgi/node: makes applications of listeners of node:http (Express, Koa, Fastify), and listeners of
// applications; catches the listener of a program that listens on a port.

export type { ServerOptions } from '../server/server.ts';
export { captureListen } from './capture.ts';
export { fromNode } from './from-node.ts';
export type { Listener, ListenerFunction } from './listener.ts';
export { toNode } from './to-node.ts';
