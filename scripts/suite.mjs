// Preloaded into a framework's own tests: what an http.Server of theirs would answer goes through run-with-cgi.

import { appendFileSync } from 'node:fs';
import { Server } from 'node:http';
import { createRequire } from 'node:module';
import { fromFetch, toFetch } from '../dist/fetch/index.js';
import { runWithCgi } from '../dist/index.js';
import { fromNode, toNode } from '../dist/node/index.js';

const { GATEWAY, GATEWAY_LOG } = process.env;
const errors = { write: (text) => GATEWAY_LOG && appendFileSync(GATEWAY_LOG, String(text)) };

/** A listener in the place of `listener`, a function or a server. */
const through = memoized((listener) => {
  const application = fromNode(listener);
  return toNode(GATEWAY === 'cgi' ? asScript(application) : application, { errors });
});

/** For scripts/suite-hono.config.mjs: calls `dispatch` behind a gateway, with the environment and context that the test has given. */
globalThis.throughGateway = (request, env, context, dispatch) =>
  toFetch(
    fromFetch((inner) => dispatch(inner, env, context)),
    { errors },
  )(request);

const { emit } = Server.prototype;
const passed = new WeakSet();

Server.prototype.emit = function (event, ...args) {
  const [request] = args;
  // What has passed is on its way through the server that toNode() has.
  if (event !== 'request' || this.listenerCount(event) === 0 || passed.has(request)) return emit.call(this, event, ...args);
  passed.add(request);
  through(this)(...args);
  return true;
};

try {
  const require = createRequire(`${process.cwd()}/`);
  const inject = require('light-my-request');
  const injectThrough = (dispatch, ...rest) => inject(through(dispatch), ...rest);
  require.cache[require.resolve('light-my-request')].exports = Object.assign(injectThrough, inject);
} catch {
  // not Fastify
}

/** Returns an application that runs `application` as a CGI script, and takes the script's output apart. */
function asScript(application) {
  return async (environ, startResponse) => {
    let head = '';
    let write;
    const stdout = {
      write(bytes) {
        if (write) return write(bytes);
        head += Buffer.from(bytes).toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return undefined;
        const [[, status], ...headers] = head
          .slice(0, end)
          .split('\r\n')
          .map((line) => line.split(/: (.*)/s, 2));
        write = startResponse(status, headers);
        return end + 4 < head.length ? write(Buffer.from(head.slice(end + 4), 'latin1')) : write.flushHeaders();
      },
    };
    const variables = Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value === 'string'));
    await runWithCgi(application, { environ: variables, stdin: environ['wsgi.input'], stdout, stderr: environ['wsgi.errors'] });
  };
}

function memoized(make) {
  const made = new WeakMap();
  return (key) => {
    if (!made.has(key)) made.set(key, make(key));
    return made.get(key);
  };
}
