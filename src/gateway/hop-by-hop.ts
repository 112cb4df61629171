// Headers that mean one connection only, RFC 2616 §13.5.1. They are the web server's, on either side of a gateway.

/** Whether `name`, in any case, is a header that concerns one connection and that an application may not set. */
export function isHopByHop(name: string): boolean {
  switch (name.toLowerCase()) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-authenticate':
    case 'proxy-authorization':
    case 'proxy-connection': // never standard, but sent and obeyed all the same
    case 'te':
    case 'trailer':
    case 'trailers': // the RFC's own misspelling, which wsgiref refuses too
    case 'transfer-encoding':
    case 'upgrade':
      return true;
    default:
      return false;
  }
}
