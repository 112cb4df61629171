// Tells what a socket is, by the tables of /proc/self/net. To try it out could change the socket for every process that shares it.

import { fs } from './fs.ts';

/** The field that holds the inode of a socket, by table. */
const INODE = { tcp: 9, tcp6: 9, unix: 6 };

/** Whether `descriptor` is a TCP socket. False where the system does not say. */
export function isTcp(descriptor: number): boolean {
  return fieldsOf('tcp', descriptor) !== undefined || fieldsOf('tcp6', descriptor) !== undefined;
}

/** Whether `descriptor` is a socket that listens. False where the system does not say. */
export function isListening(descriptor: number): boolean {
  // The fields are sl local_address rem_address st … The state 0A is LISTEN.
  const [, , , state] = fieldsOf('tcp', descriptor) ?? fieldsOf('tcp6', descriptor) ?? [];
  // The fields are Num RefCount Protocol Flags … The flag 0x10000 means that it accepts connections.
  const [, , , flags = ''] = fieldsOf('unix', descriptor) ?? [];
  return state === '0A' || (Number.parseInt(flags, 16) & 0x10000) !== 0;
}

/** Returns the line of a socket in `table`; undefined if it is not there. */
function fieldsOf(table: keyof typeof INODE, descriptor: number): string[] | undefined {
  try {
    const status = fs.fstatSync(descriptor);
    if (!status.isSocket()) return undefined;
    const inode = String(status.ino);
    const lines = fs.readFileSync(`/proc/self/net/${table}`, 'latin1').split('\n');
    const found = lines.filter((line) => line.includes(inode)).map((line) => line.trim().split(/\s+/));
    return found.find((fields) => fields[INODE[table]] === inode);
  } catch {
    return undefined;
  }
}
