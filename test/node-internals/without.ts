// Nodes that lack an undocumented part: modules for --require that take it away before a program begins.

/** The sources of the modules, by what they take away. */
export const WITHOUT = {
  // What src/node-internals looks up, it looks up by Reflect. Node itself, which needs these properties, does not.
  'shared-read-buffer': hide('_connections'),
  'listen-without-port': hide('_listen2'),
  'console-streams': hide('_stdout'),
  'unconnected-response': hide('assignSocket'),
  'host-lookups': `
    const { getActiveResourcesInfo } = process;
    process.getActiveResourcesInfo = () => getActiveResourcesInfo.call(process).map((name) => name.replace('GetAddrInfo', ''));`,
  'bound-socket': `delete require('net')._createServerHandle; require('module').syncBuiltinESMExports();`,
  'connection-passing': `
    const { Server, Socket } = require('net');
    const { send } = process;
    if (send) process.send = function (message, handle, ...more) {
      const isDocumented = handle === undefined || typeof handle === 'function' || handle instanceof Server || handle instanceof Socket;
      if (!isDocumented) throw Object.assign(new TypeError('This handle type cannot be sent'), { code: 'ERR_INVALID_HANDLE_TYPE' });
      return send.call(this, message, handle, ...more);
    };`,
} as const;

function hide(name: string): string {
  return `
    const { get, has } = Reflect;
    Reflect.get = (target, name, ...more) => (name === '${name}' ? undefined : get(target, name, ...more));
    Reflect.has = (target, name) => name !== '${name}' && has(target, name);`;
}
