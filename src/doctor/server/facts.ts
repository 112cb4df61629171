// What is known about the web server that runs a script: out of its configuration, its processes, or by what servers usually do.

/** Limits that a process of the server passes on to scripts; undefined is no limit. */
export interface Limits {
  /** Bytes of address space (RLIMIT_AS). */
  addressSpace?: number | undefined;
  /** Processes and threads of one user (RLIMIT_NPROC). */
  processes?: number | undefined;
}

export interface ServerFacts {
  /** The PATH that scripts get; null where they get none, and undefined where that is not known. */
  path?: string | null | undefined;
  /** Whether scripts get the header Authorization; undefined where that is not known. */
  passesAuthorization?: boolean | undefined;
  limits: Limits;
}

export const UNKNOWN_SERVER: ServerFacts = { limits: {} };
