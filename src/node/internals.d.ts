// What node:http's messages have beside what its types say. It is as old as the module, and what frameworks
// and test tools lean on as well.

import 'node:http';

declare module 'node:http' {
  interface OutgoingMessage {
    _header: string | null;
    _headerSent: boolean;
    _storeHeader(firstLine: string, headers: unknown): void;
    _send(data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: ((error?: Error | null) => void) | null): boolean;
    _writeRaw(data: unknown, encoding?: unknown, callback?: unknown): boolean;
    _flush(): void;
    _flushOutput(): boolean;
  }

  interface IncomingMessage {
    upgrade: boolean;
    readonly _readableState: { readingMore: boolean; readonly pipes: readonly unknown[] };
    _addHeaderLines(headers: string[], count: number): void;
  }
}

declare module 'net' {
  interface Server {
    /** Where `listen()` ends, when the address is known: opens the port, and sets `_handle`. */
    _listen2(address: string | null, port: number): void;
  }
}
