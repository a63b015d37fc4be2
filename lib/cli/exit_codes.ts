/** What every command's exit status means; scripts may rely on these numbers. */
export const exitCodes = {
  /** The command did what it was asked. */
  done: 0,
  /** It tried and failed; the reason is on stderr. */
  failed: 1,
  /** The command line was wrong; nothing was done. */
  usage: 2,
  /** The device is lost to this process: the same command goes on, where it was saved, in another process or elsewhere. */
  lost: 70,
  /** Stopped at its deadline with everything saved, or another process has it: the same command goes on later. */
  later: 75,
  /** Stopped by SIGINT (Ctrl-C), everything saved. */
  interrupted: 130,
  /** Stopped by SIGTERM, everything saved. */
  terminated: 143,
} as const;

/** One of the exit statuses of {@linkcode exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
