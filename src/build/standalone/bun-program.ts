// The program in a standalone executable. It takes the executable for its own file: __filename, process.argv and what it
// requires are where the file lies, and not in the folder "/$bunfs" that Bun shows to what it has compiled.

import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';
import { wrap } from '../../built-script/boot.ts';
import { forkGuard } from './fork-guard.ts';

/** The name of the file that Bun compiles. */
export const PROGRAM = 'program.cjs';

/** Begins the names of functions that return a built-in module each. Bun must see the module's name in a call of its own `require`. */
const PREFIX = '__runWithCgiBuiltIn$';

/**
 * Returns a plugin that makes a bundle fast under Bun. `folder` holds the modules of this package. The plugin takes built-in
 * modules from functions of the program, because Bun prepares each `require` whose module it sees. A `require` that is passed on
 * as a value takes an Express application twice the time, and so does `process.getBuiltinModule`, which this package calls.
 */
export function bunModules(folder: string): Plugin {
  return {
    name: 'modules for Bun',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(?:node:|bun:)?[a-z_][\w/]*$/ }, ({ path }) =>
        isBuiltin(path) || /^bun(?::|$)/.test(path) ? { path: canonical(path), namespace: 'built-in-of-bun' } : undefined,
      );
      onLoad({ filter: /.*/, namespace: 'built-in-of-bun' }, ({ path }) => ({
        contents: `module.exports = ${functionOf(path)}()`,
        loader: 'js',
      }));
      onResolve({ filter: /^\.\/(?:fastcgi|resident|scgi|workers)\// }, ({ resolveDir, path }) =>
        resolveDir === folder ? { path, namespace: 'resident' } : undefined,
      );
      onLoad({ filter: /.*/, namespace: 'resident' }, () => ({ contents: NOT_RESIDENT, loader: 'js' }));
      onLoad({ filter: /\.js$/, namespace: 'file' }, async ({ path }) => {
        if (!path.startsWith(`${folder}/`)) return undefined;
        const text = await readFile(path, 'utf8');
        return {
          contents: text.replace(
            /\bprocess\.getBuiltinModule\("([\w:/]+)"\)/g,
            (_call, name: string) => `${functionOf(canonical(name))}()`,
          ),
          loader: 'js',
        };
      });
    },
  };
}

/** The source in the place of the resident gateways: Bun cannot take the connections of a socket that it inherits. */
const NOT_RESIDENT = `console.error("run-with-cgi: a standalone executable answers CGI only, and its standard input is a socket that listens [standalone-resident]");
process.exit(1);`;

/** Returns the same name for "fs" and "node:fs". */
function canonical(name: string): string {
  return name.includes(':') || name === 'bun' ? name : `node:${name}`;
}

/** Returns the name of the function for a built-in module. The bundler does not break such a name at the end of a line. */
function functionOf(name: string): string {
  return `${PREFIX}${name.replace(':', '$').replaceAll('/', () => '$$')}`;
}

/** Whether a bundle uses a module that opens ports. */
export function mayListen(source: string): boolean {
  return source.includes(`${functionOf('node:http')}()`) || source.includes('Bun.serve');
}

/** Built-in modules that the lines below use, or the statements before a bundle. */
const ALWAYS = ['node:fs', 'node:module', 'node:path', 'node:url'];

/** Returns the module that Bun compiles: `source`, a CommonJS module, with statements `before` it in one line. */
export function programOf(source: string, before: string): string {
  const used = [...source.matchAll(/__runWithCgiBuiltIn\$((?:\w|\$)+)\(\)/g)].map(([, name = '']) =>
    name.replaceAll('$$', '/').replace('$', ':'),
  );
  const names = [...new Set([...ALWAYS, ...used])];
  const functions = names.map((name) => `const ${functionOf(name)}=()=>require(${JSON.stringify(name)});`);
  const table = names.map((name) => `${JSON.stringify(name)}:${functionOf(name)}`);
  return `${functions.join('')}const __runWithCgiProgram=${wrap(source, before)};(${MAIN})({${table.join()}});`;
}

/**
 * Makes stacks name the author's files and lines, where the source map lies beside the executable. Bun has already mapped the
 * places in its own code to this program, in which the source begins in the second line.
 */
const STACKS = `Error.prepareStackTrace=(error,sites)=>{\
let map;\
try{const {SourceMap}=builtIns["node:module"]();map=new SourceMap(JSON.parse(builtIns["node:fs"]().readFileSync(file+".map","utf8")))}catch{}\
Error.prepareStackTrace=(error,sites)=>{\
let text;\
try{text=String(error)}catch{text="Error"}\
for(const site of sites){\
let shown=String(site);\
try{\
const found=/(^|\\/)${PROGRAM}$/.test(site.getFileName())&&map?.findEntry(site.getLineNumber()-2,site.getColumnNumber()-1);\
if(found?.originalSource)shown=shown.replace(/[^ (]*:\\d+:\\d+/,found.originalSource+":"+(found.originalLine+1)+":"+(found.originalColumn+1))\
}catch{}\
text+="\\n    at "+shown\
}\
return text\
};\
return Error.prepareStackTrace(error,sites)\
};`;

/**
 * Runs the program. A module that is not bundled is required from the folder of the executable; Node's `Module`, which does
 * that, is loaded only then. A rejection that nobody handles is an uncaught exception, as under Node.
 */
const MAIN = `builtIns=>{\
const file=process.execPath;\
${forkGuard('builtIns["node:fs"]()')}\
process.argv.splice(0,2,file,file);\
${STACKS}\
module.filename=file;\
process.on("unhandledRejection",error=>{if(process.listenerCount("unhandledRejection")<2&&!process.emit("uncaughtException",error,"unhandledRejection"))throw error});\
let made;\
const load=()=>made??=builtIns["node:module"]().createRequire(file);\
const requireHere=new Proxy(()=>{},{\
apply:(target,self,[name])=>(builtIns["node:"+String(name).replace(/^node:/,"")]??(()=>load()(name)))(),\
get:(target,name)=>name==="main"?module:load()[name]\
});\
__runWithCgiProgram(module.exports,requireHere,module,file,file.slice(0,file.lastIndexOf("/"))||"/")\
}`;
