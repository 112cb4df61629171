// What a built file of a Fetch or Node application does before that is loaded: a module may export its application and call
// listen() as well, and each request would open the port.

import { withholdPorts } from '../ports.ts';

withholdPorts();
