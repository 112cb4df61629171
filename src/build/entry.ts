// The entry of the bundle: a module that imports the application and runs it.

import type { Interface } from '../load/interface.ts';

export interface ApplicationModule {
  /** The author's module. */
  path: string;
  /** The export that is the application: "default", "application", "api.handler"; undefined when the module runs itself. */
  exportName: string | undefined;
  interface: Interface;
}

/** The path of a module, or the text of one. */
export type Entry = { path: string } | { contents: string };

/** Returns the entry for an application; the author's own module where that runs itself. */
export function entryOf({ path, exportName, interface: kind }: ApplicationModule): Entry {
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

/** The entry for a module that calls listen(). It loads the module while listen() opens no port. */
const LISTENING = `import { run } from 'run-with-cgi';
import { captureListen, fromNode } from 'run-with-cgi/node';
captureListen(() => import(MODULE)).then((listener) => run(fromNode(listener)));
`;
