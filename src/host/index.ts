// run-with-cgi/host: CGI programs as applications.

export { cgiBin } from './cgi-bin.ts';
export { type CgiScriptOptions, cgiScript } from './script.ts';
