// Replaces the streams of a console that has been used. The console looks up `process.stdout` when it prints for the first time, and
// keeps that stream for good. If a module prints before its gateway starts, all later output would go to that stream, too.
//
// Undocumented parts of Node: the console reads its streams from the properties `_stdout` and `_stderr`. Without them
// `console.log`, `info` and `debug` become `console.error`, which prints to the log in any case.

/** Makes the console print to the stream that `get` returns. The console calls `get` when it prints. */
export function setConsoleStreams(get: () => NodeJS.WritableStream): void {
  // Bun has these properties, but prints to the descriptors whatever they hold.
  /* v8 ignore next */ // test/build runs Bun, which writes no V8 coverage.
  if (!('bun' in process.versions) && Reflect.has(console, '_stdout') && Reflect.has(console, '_stderr')) {
    for (const name of ['_stdout', '_stderr']) Object.defineProperty(console, name, { configurable: true, get });
  } else {
    Object.assign(console, { log: console.error, info: console.error, debug: console.error });
  }
}
