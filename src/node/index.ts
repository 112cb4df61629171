// run-with-cgi/node: makes applications of listeners of node:http (Express, Koa, Fastify), and listeners of applications.

export type { ServerOptions } from '../server/server.ts';
export { captureListen } from './capture.ts';
export { fromNode, type Listener, type ListenerFunction } from './from-node.ts';
export { toNode } from './to-node.ts';
