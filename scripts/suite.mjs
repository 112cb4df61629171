// Preloaded by scripts/suite into the tests of a framework: puts run-with-cgi between each http.Server and its listener.

import { appendFileSync } from 'node:fs';
import { Server } from 'node:http';
import { createRequire } from 'node:module';
import { fromFetch, toFetch } from '../dist/fetch/index.js';
import { runWithCgi } from '../dist/index.js';
import { fromNode, toNode } from '../dist/node/index.js';

const { GATEWAY, GATEWAY_LOG } = process.env;
const errors = { write: (text) => GATEWAY_LOG && appendFileSync(GATEWAY_LOG, String(text)) };

/** Returns a listener that calls `listener`, a function or a server, through the gateway. */
const through = memoized((listener) => {
  const application = fromNode(listener);
  return toNode(GATEWAY === 'cgi' ? asScript(application) : application, { errors });
});

/** Calls `dispatch` of Hono through the gateway, with the `env` and `context` that the test has passed. scripts/suite-hono.config.mjs puts this into Hono. */
globalThis.throughGateway = (request, env, context, dispatch) =>
  toFetch(
    fromFetch((inner) => dispatch(inner, env, context)),
    { errors },
  )(request);

const { emit } = Server.prototype;
const passed = new WeakSet();

Server.prototype.emit = function (event, ...args) {
  const [request] = args;
  // toNode() has a server of its own, and emits the same request on that.
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
  // Only Fastify has light-my-request.
}

/** Returns an application that runs `application` by runWithCgi() and parses what that writes to standard output. */
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
