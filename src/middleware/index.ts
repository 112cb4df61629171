// run-with-cgi/middleware: applications that wrap applications, one effect a file.

export {};
