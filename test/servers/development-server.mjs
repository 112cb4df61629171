// The development server with its host of CGI programs, as one more server of the table: folder and port.

import { writeFileSync } from 'node:fs';
import { cgiBin } from 'run-with-cgi/host';
import { urlMap } from 'run-with-cgi/middleware';
import { makeServer } from 'run-with-cgi/server';
import { validator } from 'run-with-cgi/validator';

const [folder, port] = process.argv.slice(2);
const scripts = cgiBin(`${folder}/root/cgi-bin`, { passAuthorization: true });
makeServer('127.0.0.1', Number(port), validator(urlMap({ '/cgi-bin': validator(scripts) })), {
  errors: { write: (text) => writeFileSync(`${folder}/logs/error.log`, text, { flag: 'a' }) },
  accessLog: false,
});
