// A worker's end of the IPC channel to its supervisor: the messages between the two, and the connections that are passed
// with them.

import type { Socket } from 'node:net';
import { type ConnectionHandle, isConnectionHandle, sendHandle, takeHandle } from '../node-internals/connection-passing.ts';

/** The variable that marks the environment of a worker. */
export const WORKER = 'RUN_WITH_CGI_WORKER';

/**
 * The descriptor that a worker inherits to listen on. It is none of 0 to 2: libuv makes these blocking ones whenever a worker
 * starts, for all processes that share the socket, and each would then wait in accept() while another has the connection.
 */
export const INHERITED = 4;

/** Milliseconds between two looks whether the supervisor still lives, in a worker that gives connections away. */
const WATCH_INTERVAL = 500;

/** The messages of a worker to its supervisor. */
export type WorkerMessage =
  /** The worker listens. */
  | 'listening'
  /** The worker should be replaced: it has answered enough requests, or a signal asks it to end. */
  | 'replace'
  /** The worker takes no more requests after an error that nobody caught, and ends by itself. */
  | 'broken'
  /** No request has come for the time of --idle-exit. */
  | 'idle'
  /** A request has come to a worker that was idle. */
  | 'busy'
  /** Comes with a connection that the worker has handed over, for another worker. */
  | 'connection'
  /** The worker has taken, or sent back, the connection that it was given. */
  | 'taken';

/** The messages of a supervisor to its worker. */
export type SupervisorMessage =
  /** Another worker takes over: hand idle connections over, answer what runs, and end. */
  | 'leave'
  /** The whole gateway ends: close idle connections, answer what runs, and end. */
  | 'end'
  /** Comes with a connection that another worker has handed over. */
  | 'connection';

/** The actions that a supervisor can ask a worker for. */
export interface WorkerActions {
  leave(): void;
  end(): void;
  /** Takes a connection. Returns false when the worker cannot. */
  adopt(connection: ConnectionHandle): boolean;
}

export interface SupervisorChannel {
  send(message: WorkerMessage): void;
  /** Gives an idle connection to the supervisor. Returns false where this Node cannot pass connections. */
  handOver(socket: Socket): boolean;
}

/** Connects this worker to its supervisor. The end of the supervisor ends the worker, too. */
export function connectToSupervisor({ leave, end, adopt }: WorkerActions): SupervisorChannel {
  const send = (message: WorkerMessage) => {
    // A supervisor that has ended needs no messages. "disconnect" tells of its end.
    if (process.connected) process.send?.(message, () => {});
  };
  /** What is called when the connections that have been given to the channel have left it. */
  const onSent = new Set<() => void>();
  let watch: NodeJS.Timeout | undefined;
  const supervisorHasEnded = () => {
    clearInterval(watch);
    // Node sends one connection at a time, and forgets those that still wait.
    for (const done of onSent) done();
    onSent.clear();
    end();
  };
  const sendConnection = (handle: ConnectionHandle, done: () => void): boolean => {
    const message: WorkerMessage = 'connection';
    if (!process.connected) {
      done();
      return true;
    }
    // Node emits no "disconnect" when the supervisor has ended before it took a connection.
    watch ??= setInterval(() => process.connected || supervisorHasEnded(), WATCH_INTERVAL).unref();
    onSent.add(done);
    const canSend = sendHandle(process, message, handle, () => {
      if (onSent.delete(done)) done();
    });
    if (!canSend) onSent.delete(done);
    return canSend;
  };
  process.on('message', (message: SupervisorMessage, connection?: unknown) => {
    if (message === 'leave') leave();
    else if (message === 'end') end();
    else if (message === 'connection' && isConnectionHandle(connection)) {
      if (!adopt(connection)) sendConnection(connection, () => connection.close());
      send('taken');
    }
  });
  process.on('disconnect', supervisorHasEnded);
  return {
    send,
    handOver(socket) {
      const handle = takeHandle(socket);
      return handle !== undefined && sendConnection(handle, () => socket.destroy());
    },
  };
}
