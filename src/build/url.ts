// import.meta.url in a built script, which is CommonJS: put in by the bundler where the name is used.

export const __runWithCgiUrl: string = process.getBuiltinModule('node:url').pathToFileURL(__filename).href;
