/** What every command's exit status means; scripts may rely on these numbers. */
export const exitCodes = {
  /** The command did what it was asked. */
  done: 0,
  /** It tried and failed; the reason is on stderr. */
  failed: 1,
  /** The command line was wrong; nothing was done. */
  usage: 2,
  /** Stopped by SIGINT (Ctrl-C), everything saved. */
  interrupted: 130,
  /** Stopped by SIGTERM, everything saved. */
  terminated: 143,
} as const;

/** One of the exit statuses of {@linkcode exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
