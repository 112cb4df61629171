// The signals that end a resident gateway, for the supervisor, its workers and a process that serves alone.

/** SIGTERM and SIGINT are usual. Apache's mod_fcgid and others send SIGUSR1, at which Node would start its debugger. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
