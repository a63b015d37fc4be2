/** What the commands of `deno task bench` have in common: lists of words, where results go. */
import { dirname } from "@std/path";
import { UsageError } from "../../lib/cli/flags.ts";
import type { Report } from "../../lib/cli/report.ts";

/** The flag for a result's file. */
export function outFlag(help: string): { kind: "string"; placeholder: string; path: true; help: string } {
  return { kind: "string", placeholder: "file", path: true, help };
}

/** Words of a list such as `f32,bf16`, each once, in their order. */
export function wordsOf<Word extends string>(flag: string, text: string, known: readonly Word[]): Word[] {
  return [...new Set(text.split(",").map((each) => each.trim()))].map((word) => {
    if ((known as readonly string[]).includes(word)) return word as Word;
    throw new UsageError(`Expected --${flag} as words of ${known.join(", ")}, joined by commas, got "${word}"`);
  });
}

/** Whole numbers of a list such as `16,32`. */
export function numbersOf(flag: string, text: string, name = `--${flag}`): number[] {
  return text.split(",").map((word) => {
    const value = Number(word);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`Expected ${name} as whole numbers above 0, joined by commas, got "${word}"`);
  });
}

/** CPU threads of a measurement: as many as asked for, else those of `LIBTRAIN_THREADS`, else one a core. */
export function threadsOf(asked: number | undefined): number {
  if (asked !== undefined) return asked;
  const text = Deno.env.get("LIBTRAIN_THREADS");
  if (text === undefined) return navigator.hardwareConcurrency;
  const [threads] = numbersOf("threads", text, "LIBTRAIN_THREADS");
  return threads!;
}

/** Refuses a file for results that may not be written, before anything is measured. */
export function requireOut(out: string | undefined): void {
  if (out === undefined) return;
  if (Deno.permissions.querySync({ name: "write", path: dirname(out) }).state === "granted") return;
  throw new UsageError(
    `Cannot write to "${out}": \`deno task bench\` may write below benchmarks/results, runs and .cache only`,
  );
}

/** Hands a result over: to `--json`, and to a file. */
export async function handOver(
  result: Readonly<Record<string, unknown>>,
  { report, out }: { report: Report; out: string | undefined },
): Promise<void> {
  if (out !== undefined) {
    await Deno.mkdir(dirname(out), { recursive: true });
    await Deno.writeTextFile(out, `${JSON.stringify(result, null, 1)}\n`);
    report.line(`written to ${out}`);
  }
  report.result(result);
}
