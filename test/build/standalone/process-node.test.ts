// The process tests of a CGI script, over an executable that has Node in it.

process.env.PROCESS_CASES = 'node';
for (const name of ['environ', 'process-guard', 'request-body', 'response', 'stderr']) await import(`../../cgi/${name}.test.ts`);
