// What node:net and the channel between two Nodes have beside what their types say, and node:cluster is made of: the
// handle of a socket or a server, which the system's descriptor belongs to.

declare module 'node:net' {
  interface Handle {
    readonly fd: number;
    /** Bytes of a connection that the system has not taken. */
    readonly writeQueueSize?: number;
    readStop(): void;
    close(): void;
    /** Of a port only. Fills `address`; returns 0 or a system error's number. */
    getsockname?(address: { port?: number }): number;
    /** Of one that listens: is called with the handle of each connection that is accepted, or with a system error's number. */
    onconnection?(status: number, connection?: Handle): void;
  }
  interface SocketConstructorOpts {
    handle?: Handle;
    onread?: OnReadOpts;
  }
  interface Socket {
    readonly _handle: Handle | null;
    /** Whose `_connections` it counts among. */
    _server: Server | null;
  }
  interface Server {
    readonly _handle: Handle | null;
    _connections: number;
  }
  /** Binds, and neither listens nor accepts. A Unix socket has -1 for port and family. Returns a system error's number if it fails. */
  function _createServerHandle(address: string, port: number, family: number): Handle | number;
}

declare module 'node:child_process' {
  interface ChildProcess {
    send(message: string, handle: import('node:net').Handle, callback?: (error: Error | null) => void): boolean;
  }
}

declare global {
  namespace NodeJS {
    interface Process {
      send?(message: string, handle: import('node:net').Handle, callback?: (error: Error | null) => void): boolean;
    }
  }
}

export {};
