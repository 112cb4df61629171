// A worker's side of the channel to its primary process: what it says, what it is told, and the connections that
// come and go that way.

import type { Handle, Socket } from 'node:net';

/** In the environment of a worker. */
export const WORKER = 'RUN_WITH_CGI_WORKER';

/**
 * The descriptor that a worker listens on. As 0, 1 or 2 the socket would be made a blocking one whenever a worker
 * begins, and the other workers would wait in accept() for what one of them has taken.
 */
export const INHERITED = 4;

/**
 * What a worker says: that it listens; that it should be replaced; that it leaves by itself; that nobody has asked it for long, and that somebody
 * has again; here is a connection that I am done with; I have the one that I was given.
 */
export type Said = 'up' | 'replace' | 'broken' | 'idle' | 'busy' | 'connection' | 'taken';
/** What it is told: another one takes your place; the whole gateway ends; here is a connection. */
export type Told = 'leave' | 'end' | 'connection';

export interface Primary {
  say(said: Said): void;
  /** Gives an idle connection away. What arrives on it from now on waits for who gets it. */
  handOn(socket: Socket): void;
}

export interface Orders {
  leave(): void;
  end(): void;
  /** False when it cannot be taken. */
  adopt(connection: Handle): boolean;
}

/** Returns the way to the primary process of this worker, whose orders are followed. When that has gone, it is the end. */
export function followPrimary({ leave, end, adopt }: Orders): Primary {
  const say = (said: Said, connection?: Handle, done?: () => void) => {
    // Who does not hear it any more has ended, and that is told by "disconnect".
    if (!process.connected) done?.();
    else if (connection) process.send?.(said, connection, done);
    else process.send?.(said, () => {});
  };
  process.on('message', (told: Told, connection?: Handle) => {
    if (told === 'leave') leave();
    else if (told === 'end') end();
    else if (told === 'connection' && connection) {
      if (!adopt(connection)) say('connection', connection, () => connection.close());
      say('taken');
    }
  });
  process.on('disconnect', end);
  return {
    say: (said) => say(said),
    handOn(socket) {
      const handle = socket._handle;
      if (!handle) return;
      handle.readStop();
      say('connection', handle, () => socket.destroy());
    },
  };
}
