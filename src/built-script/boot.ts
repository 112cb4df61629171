// The format of a built script, and the code by which it loads itself. The file is a script of the shell and of JavaScript at
// once. The shell starts Node with that code as text (-e), because Node would choose between CommonJS and ES modules by the
// file's name and by the package.json files above it.

import { createHash } from 'node:crypto';
import { REMOVE_EVAL_TEXT } from '../node-internals/eval-text.ts';

/**
 * Loads a file that `assemble` has made, and runs the program in it.
 *
 * - It is the JavaScript of twenty years ago, since a Node that is too old must understand it to say so.
 * - It is one line without an apostrophe, since the shell reads it, too.
 * - It runs by "-e", and also where Node has loaded the file itself, as CommonJS or as an ES module. An ES module has none of
 *   `module`, `require` and `__filename`.
 * - Nothing in it depends on the program: while a file is replaced, the shell may have read the old one and Node the new one.
 * - V8 looks at the source before it finds out that it must refuse the code. So where its version is not that of build, the code
 *   is not tried.
 * - It calls few functions of Node, because the first call of each costs up to a hundred microseconds.
 * - A file that cannot be read, or is damaged, is answered by 500. The log gets the cause, but not where it is the response.
 */
const BOOT = `(function(module,require,file){\
var get=process.getBuiltinModule,path=file||process.argv[1],fail=function(message){\
process.exitCode=1;\
console.log((/(^|\\/)nph-[^\\/]*$/.test(path)?"HTTP/1.1":"Status:")+" 500 Internal Server Error\\r\\nContent-Type: text/plain\\r\\nContent-Length: 26\\r\\n\\r"+(process.env.REQUEST_METHOD=="HEAD"?"":"\\n500 Internal Server Error"));\
if(message)console.error("run-with-cgi: "+message)};\
if(!get)return fail("Node "+process.version.slice(1)+" is too old for "+path+"; it has to be 20.19, 22.12 or later [node-too-old]");\
try{\
var bytes=get("fs").readFileSync(path),end=bytes.length-11,list=end-bytes.toString("latin1",end,end+8),parts=JSON.parse(bytes.toString("latin1",list,end)),cache=list-parts[4],code=cache-parts[3],source=code-parts[2],Script=get("vm").Script;\
for(var at=7;at<parts.length;at++)bytes[source+parts[at]]=47;\
var compile=function(data,column){return new Script(bytes.toString(parts[1],source,code),{filename:parts[0],lineOffset:-1,columnOffset:column,cachedData:data})},\
script=process.versions.v8.indexOf(parts[5])||compile(bytes.subarray(code,cache),0);\
if(script.cachedDataRejected!==false)script=new Script(bytes.toString("latin1",cache,list)).runInThisContext()(compile,parts[6],script.cachedDataRejected&&script)\
}catch(error){\
var link=function(number){return get("fs").readlinkSync("/proc/self/fd/"+number)},isSame;\
try{isSame=/^(pipe|socket):/.test(link(1))&&link(1)==link(2)}catch(e){}\
return fail(!isSame&&path+" could not be loaded: "+error)}\
script.runInThisContext()(module,require,file)\
})(typeof module=="object"&&module,typeof require=="function"&&require,typeof __filename=="string"&&__filename!="[eval]"&&__filename)`;

/** The arguments of Node between its own options and the path of a built script. */
export const BOOT_ARGUMENTS = ['-e', BOOT, '--'] as const;

export interface Program {
  /** The source, as `wrapMain` returns it. */
  source: string;
  /** The name of the file, for stacks. */
  name: string;
  /** The code that V8 has compiled from the source; may be empty. */
  code: Buffer;
  /** The source of `compileByCache`, in characters of Latin-1. */
  codeCache: string;
}

/**
 * Returns the bytes of a built script. `opening` is its first lines, in which JavaScript finds nothing to run. Source, code and
 * `codeCache` lie in a comment, where a space replaces the "/" of everything that would end the comment. A list in JSON behind them
 * has their lengths and the places of those spaces; the length of the list stands at the end.
 */
export function assemble(opening: string, { source, name, code, codeCache }: Program): Buffer {
  const encoding = /^[\0-\xff]*$/.test(source) ? 'latin1' : 'utf8';
  const text = Buffer.from(source, encoding);
  const parts = Buffer.concat([text, code, Buffer.from(codeCache, 'latin1')]);
  const replaced: number[] = [];
  for (let at = parts.indexOf('*/'); at >= 0; at = parts.indexOf('*/', at)) {
    parts[++at] = 0x20;
    replaced.push(at);
  }
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
  // Node's own number behind the version of V8, as in 11.3.244.8-node.33, changes nothing for the code.
  const v8 = process.versions.v8.replace(/-.*/, '-');
  const list = toAscii(JSON.stringify([name, encoding, text.length, code.length, codeCache.length, v8, hash, ...replaced]));
  const head = Buffer.from(`${opening}\n;${BOOT}/*`);
  // V8 copies code that does not begin at a multiple of eight bytes.
  const padding = Buffer.alloc(7 - ((head.length + text.length + 7) % 8), ' ');
  return Buffer.concat([head, padding, parts, Buffer.from(`${list}${String(list.length).padStart(8, '0')}*/\n`)]);
}

function toAscii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns the source of a function that runs `source`, as Node wraps a CommonJS module. `before` are statements that run first, in one line. */
export function wrap(source: string, before: string): string {
  return `(function(exports,require,module,__filename,__dirname){${before}\n${source}\n})`;
}

/**
 * Returns the source of a function that runs `source`, a CommonJS module, as the main module. Its parameters are Node's `module`,
 * `require` and `__filename`, as far as there are such. By "-e" they belong to no file; the function makes those of the script.
 */
export function wrapMain(source: string, before: string): string {
  return MAIN.replace('PROGRAM', () => wrap(source, before));
}

/** Makes stacks name the author's files and lines, if the source map lies beside the script. The first stack loads the map. */
const STACKS = `Error.prepareStackTrace=(e,f)=>{let m;try{m=new(get("module").SourceMap)(JSON.parse(get("fs").readFileSync(file+".map","utf8")))}catch{}const l=String;Error.prepareStackTrace=(e,f)=>{let t;try{t=l(e)}catch{t="Error"}for(const s of f){let o=l(s);try{const r=m&&s.getFileName()&&file.endsWith(s.getFileName())&&m.findEntry(s.getLineNumber()-1,s.getColumnNumber()-1);if(r&&r.originalSource)o=o.replace(/[^ (]*:\\d+:\\d+/,r.originalSource+":"+(r.originalLine+1)+":"+(r.originalColumn+1))}catch{}t+="\\n    at "+o}return t};return Error.prepareStackTrace(e,f)};`;

const MAIN = `(function(module,require,file){\
const get=process.getBuiltinModule,{resolve,dirname}=get("path");\
if(!file){\
const Module=module?module.constructor:get("module"),{argv,execArgv}=process;\
file=get("fs").realpathSync.native(argv[1]=resolve(argv[1]));\
if(!module){\
module=new Module(file);\
require=Module.createRequire(file)\
}\
process.mainModule=require.main=require.cache[file]=module;\
module.id=".";\
module.filename=file;\
const paths=module.paths=[];\
for(let at=module.path=dirname(file);;at=dirname(at)){\
if(!at.endsWith("/node_modules"))paths.push((at==="/"?"":at)+"/node_modules");\
if(at==="/")break\
}\
const option=execArgv.lastIndexOf("-e");\
if(option>=0)execArgv.splice(option,2);\
${REMOVE_EVAL_TEXT}\
for(const name of ["__dirname","__filename","exports","module","require",...Module.builtinModules])if(!["console","crypto","process"].includes(name))delete globalThis[name]\
}\
${STACKS}\
PROGRAM(module.exports,require,module,file,dirname(file));\
module.loaded=true\
})`;
