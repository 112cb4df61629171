// Loaded before an application that is started as its author would start it: whatever port it names, it gets a free one,
// and tells its parent process which.
import { Server } from 'node:net';

const { listen } = Server.prototype;
Server.prototype.listen = function (...options) {
  this.once('listening', () => process.send(this.address().port));
  return listen.call(this, 0, '127.0.0.1', ...options.filter((option) => typeof option === 'function'));
};
