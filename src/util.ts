// run-with-cgi/util: the functions that Python has in wsgiref.util.

export { type PathVariables, shiftPathInfo } from './environ/path-info.ts';
export { applicationUri, guessScheme, requestUri, type UriVariables } from './environ/uri.ts';
export { FileWrapper } from './gateway/file-wrapper.ts';
export { isHopByHop } from './gateway/hop-by-hop.ts';
export { setupTestingDefaults } from './testing/testing-defaults.ts';
