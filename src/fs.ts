// node:fs for the modules that a CGI script loads. To import a built-in module into an ES module takes a tenth of Node's start;
// to get it from the process takes nothing.

export const fs = process.getBuiltinModule('node:fs');
