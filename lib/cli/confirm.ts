/** Asking before something cannot be undone. */
import { UsageError } from "./flags.ts";
import type { Report } from "./report.ts";

/** Where an answer is read from; the process's stdin unless a test has its own. */
export interface Answers {
  isTerminal(): boolean;
  read(bytes: Uint8Array): Promise<number | null>;
}

/**
 * Asks a question on stderr, and whether the answer is yes. Where nobody can be asked, as no terminal is there or a program
 * reads `--json`, it refuses with `otherwise`, which says what to do.
 */
export async function confirmed(
  report: Report,
  question: string,
  { otherwise, input = Deno.stdin }: { otherwise: string; input?: Answers },
): Promise<boolean> {
  if (report.json || !input.isTerminal()) throw new UsageError(otherwise);
  report.streams.err(`${question} [y/N] `);
  const bytes = new Uint8Array(256);
  const count = await input.read(bytes);
  const answer = new TextDecoder().decode(bytes.subarray(0, count ?? 0)).trim().toLowerCase();
  return answer === "y" || answer === "yes";
}
