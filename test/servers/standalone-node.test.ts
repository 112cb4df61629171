// The table of cases over Apache, lighttpd and busybox, of scripts that are executables with Node in them.

process.env.SERVED_SCRIPTS = 'node';
await import('./servers.test.ts');
