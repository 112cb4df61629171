// A built script of a Fetch or Node application runs this before the application. A module may export its application and
// call listen() as well: without this, each request would open the port.

import { withholdPorts } from '../withheld-ports.ts';

withholdPorts();
