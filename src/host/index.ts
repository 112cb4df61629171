// run-with-cgi/host: CGI programs as applications, as a web server runs them.

export { cgiBin } from './cgi-bin.ts';
export { type CgiScriptOptions, cgiScript } from './script.ts';
