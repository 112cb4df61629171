// What listhen does with the application.
import { createServer } from 'node:http';
import { toNodeListener } from 'h3';
import { app } from './app.mjs';

createServer(toNodeListener(app)).listen(3000);
