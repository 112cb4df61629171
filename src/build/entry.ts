// The module that a built file begins with: it imports the application and gives it to the gateway.

import type { Interface } from '../load/interface.ts';

export interface Source {
  /** The author's module. */
  path: string;
  /** Where its application is: "default", "application", "api.handler"; undefined when the module runs itself by runWithCgi(). */
  exportName: string | undefined;
  interface: Interface;
}

/** A module, or the text of one. */
export type Entry = { path: string } | { contents: string };

export function entryOf({ path, exportName, interface: kind }: Source): Entry {
  const module = JSON.stringify(path);
  if (exportName === undefined) {
    return kind === 'node' ? { contents: LISTENING.replaceAll('MODULE', module) } : { path };
  }
  const [name = '', ...rest] = exportName.split('.');
  const value = ['application', ...rest].join('.');
  const imported = name === 'module' ? `import * as application from ${module};` : `import { ${name} as application } from ${module};`;
  const adapter = ADAPTERS[kind];
  const contents =
    adapter === undefined
      ? `import { run } from 'run-with-cgi';\n${imported}\nrun(${value});\n`
      : `import { run } from 'run-with-cgi';\nimport { ${adapter} } from 'run-with-cgi/${kind}';\n${imported}\nrun(${adapter}(${value}));\n`;
  return { contents };
}

const ADAPTERS: Readonly<Record<Interface, string | undefined>> = { wsgi: undefined, fetch: 'fromFetch', node: 'fromNode' };

/** A module that calls listen(): it must be loaded while that opens no port. */
const LISTENING = `import { run } from 'run-with-cgi';
import { captureListen, fromNode } from 'run-with-cgi/node';
captureListen(() => import(MODULE)).then((listener) => run(fromNode(listener)));
`;
