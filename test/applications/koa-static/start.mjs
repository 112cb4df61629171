import app from './server.mjs';

app.listen(3000);
