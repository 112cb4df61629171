/** The signals that end a resident gateway. Apache's mod_fcgid and others send SIGUSR1, at which Node would start its debugger. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
