// What stops a standalone executable that starts itself. A program that starts process.execPath, as fork() does, expects that to
// be Node; the executable would start itself again and again.

/**
 * Returns statements, in one line, that end the process if its parent runs the same executable. They use the variable `file`, the
 * path of the executable, and `fs`, an expression for node:fs.
 */
export function forkGuard(fs: string): string {
  return `let parent;try{parent=${fs}.readlinkSync("/proc/"+process.ppid+"/exe")}catch{}\
if(parent===file){console.error("run-with-cgi: "+file+" was started by itself, by fork() for example; a standalone executable runs no other module [standalone-forked]");process.exit(1)}`;
}
