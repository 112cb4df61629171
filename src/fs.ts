// node:fs for the gateway path. Importing a built-in module into an ES module costs a tenth of Node's
// start, asking the process for it nothing.

export const fs = process.getBuiltinModule('node:fs');
