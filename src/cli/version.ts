// Ends the process with a message where Node is too old for the rest of the package. main.ts imports this module first.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isTooOld = major < 20 || (major === 20 && minor < 19) || major === 21 || (major === 22 && minor < 12);

if (isTooOld) {
  console.error(`run-with-cgi: Node ${process.versions.node} is too old; it has to be 20.19, 22.12 or later [node-too-old]`);
  // The web server that has started this process waits for a response.
  if (process.env.GATEWAY_INTERFACE || process.env.REQUEST_METHOD) {
    console.log('Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\nContent-Length: 26\r\n\r\n500 Internal Server Error');
  }
  process.exit(2);
}
