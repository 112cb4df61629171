// run-with-cgi/middleware: applications around applications. Each file has one.

export { allow } from './allow.ts';
export { type CatchExceptionsOptions, catchExceptions } from './catch-exceptions.ts';
export { type CompressOptions, compress } from './compress.ts';
export { type ForwardOptions, forward } from './forward.ts';
export { type LimitRateOptions, limitRate } from './limit-rate.ts';
export { urlMap } from './url-map.ts';
