import type { Streams } from "../../../lib/cli/report.ts";

/** Streams that keep what is written. */
export interface KeptStreams extends Streams {
  /** What went to stdout and stderr so far. */
  readonly text: { out: string; err: string };
}

/** Streams for tests of commands: nothing reaches the process's own. */
export function keptStreams(options: { terminal?: boolean; columns?: number } = {}): KeptStreams {
  const text = { out: "", err: "" };
  return {
    text,
    out(part: string): void {
      text.out += part;
    },
    err(part: string): void {
      text.err += part;
    },
    terminal: options.terminal ?? false,
    columns: options.columns ?? 80,
  };
}
