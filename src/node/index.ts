// run-with-cgi/node: listeners of node:http (Express, Koa, Fastify) as applications of PEP 3333, and the other way round.

export type { ServerOptions } from '../server/server.ts';
export { captureListen } from './capture.ts';
export { fromNode, type Listener, type ListenerFunction } from './from-node.ts';
export { toNode } from './to-node.ts';
