// How a built file comes to run, from its first byte to the program in it. It is a script of the shell and of JavaScript at
// once: the shell hands it to Node as text (-e), since Node takes no file for CommonJS by its contents, but by its
// name and by the package.json files above it.

/**
 * Loads a file that `assemble` has made and runs the program in it. In the JavaScript of twenty years ago, in one line and
 * without an apostrophe: Nodes that are too old read it, too, and so does the shell. It is the same by "-e" and where Node has
 * loaded the file, as CommonJS or as an ES module, which has none of the names at its end.
 *
 * Nothing in it depends on the program: while a file is replaced, the shell may have read the old one and Node the new one.
 * Each function of Node that is called for the first time costs up to a hundred microseconds, hence "latin1Slice" and its like.
 */
const BOOT = `(function(module,require,file){\
var get=process.getBuiltinModule,path=file||process.argv[1];\
if(!get){\
console.error("run-with-cgi: Node "+process.version.slice(1)+" is too old for "+path+"; it has to be 20.19, 22.3 or later [node-too-old]");\
process.exitCode=1;\
console.log((/(^|\\/)nph-[^\\/]*$/.test(path)?"HTTP/1.1":"Status:")+" 500 Internal Server Error\\r\\nContent-Type: text/plain\\r\\nContent-Length: 26\\r\\n\\r\\n500 Internal Server Error");\
return}\
var bytes=get("fs").readFileSync(path),end=bytes.length-11,list=end-bytes.latin1Slice(end,end+8),parts=JSON.parse(bytes.latin1Slice(list,end)),code=list-parts[3],source=code-parts[2];\
for(var at=4;at<parts.length;at++)bytes[source+parts[at]]=47;\
new(get("vm").Script)(bytes[parts[1]](source,code),{filename:parts[0],lineOffset:-1,cachedData:bytes.subarray(code,list)}).runInThisContext()(module,require,file)\
})(typeof module=="object"&&module,typeof require=="function"&&require,typeof __filename=="string"&&__filename!="[eval]"&&__filename)`;

/** The words that follow Node's own options, and come before the path of a built file. */
export const BOOT_WORDS = ['-e', BOOT, '--'] as const;

export interface Program {
  /** What `wrap` has made. */
  source: string;
  /** Of the file, for stacks. */
  name: string;
  /** What V8 made of the source when it ran once. */
  code: Buffer;
}

/**
 * Returns the bytes of a file whose second line `shellLine` is. Source and code lie in a comment, in which the end of one is
 * disguised. The list behind them tells how long each is; its own length stands at the end.
 */
export function assemble(shellLine: string, { source, name, code }: Program): Buffer {
  const encoding = /^[\0-\xff]*$/.test(source) ? 'latin1' : 'utf8';
  const text = Buffer.from(source, encoding);
  const parts = Buffer.concat([text, code]);
  const disguised: number[] = [];
  for (let at = parts.indexOf('*/'); at >= 0; at = parts.indexOf('*/', at)) {
    parts[++at] = 0x20;
    disguised.push(at);
  }
  const list = toAscii(JSON.stringify([name, `${encoding}Slice`, text.length, code.length, ...disguised]));
  // "-", lest a path that begins with one is taken for options.
  const head = `#!/bin/sh -\n${shellLine}\n;${BOOT}/*`;
  return Buffer.concat([Buffer.from(head), parts, Buffer.from(`${list}${String(list.length).padStart(8, '0')}*/\n`)]);
}

function toAscii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Returns the source of a function that runs `source`, as Node wraps a CommonJS module. Statements `before` it are in one line. */
export function wrap(source: string, before: string): string {
  return `(function(exports,require,module,__filename,__dirname){${before}\n${source}\n})`;
}

/**
 * Returns the source of a function that runs `source`, a CommonJS module, as the main one. It is called with `module`,
 * `require` and `__filename` as far as Node gives them; by "-e" these are of no file, and become those of the file.
 */
export function wrapMain(source: string, before: string): string {
  return MAIN.replace('PROGRAM', () => wrap(source, before));
}

/**
 * Stacks name the author's files and lines where the source map lies beside the script. It is read when the
 * first stack is looked at.
 */
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
module.paths=Module._nodeModulePaths(module.path=dirname(file));\
const text=execArgv.lastIndexOf(process._eval);\
if(text>0)execArgv.splice(text-1,2);\
delete process._eval;\
for(const name of ["__dirname","__filename","exports","module","require",...Module.builtinModules])if(!["console","crypto","process"].includes(name))delete globalThis[name]\
}\
${STACKS}\
PROGRAM(module.exports,require,module,file,dirname(file));\
module.loaded=true\
})`;
