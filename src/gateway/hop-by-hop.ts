// Hop-by-hop headers, which belong to one connection (RFC 2616 §13.5.1). The web server has the connections, so it alone sets
// and reads them.

/** Whether `name`, in any case, is a hop-by-hop header. An application must not set one: PEP 3333 #55. */
export function isHopByHop(name: string): boolean {
  switch (name.toLowerCase()) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-authenticate':
    case 'proxy-authorization':
    case 'proxy-connection': // was never a standard, but is sent and obeyed
    case 'te':
    case 'trailer':
    case 'trailers': // a misspelling in the RFC itself; wsgiref refuses it too
    case 'transfer-encoding':
    case 'upgrade':
      return true;
    default:
      return false;
  }
}
