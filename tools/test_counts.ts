/** How many tests passed, failed, and were skipped. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** A test that found at run time that it cannot run here. */
export interface Skip {
  readonly name: string;
  readonly reason: string;
}

export const noCounts: Counts = { passed: 0, failed: 0, skipped: 0 };

/** Adds two counts. */
export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function withoutColors(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "");
}

/** Sums the closing lines of `cargo test`, one a test binary; undefined where it printed none. */
export function cargoCounts(output: string): Counts | undefined {
  const lines = withoutColors(output).matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm,
  );
  let sum: Counts | undefined;
  for (const [, passed, failed, ignored] of lines) {
    sum = addCounts(sum ?? noCounts, { passed: Number(passed), failed: Number(failed), skipped: Number(ignored) });
  }
  return sum;
}

/** The tests that `cargo test` left out, each with the reason in its attribute. */
export function cargoSkips(output: string): Skip[] {
  const lines = withoutColors(output).matchAll(/^test (\S+)(?: - .*)? \.\.\. ignored(?:, (.*))?$/gm);
  return [...lines].map(([, name = "", reason = "no reason given"]) => ({ name, reason }));
}

/** Reads the closing line of `deno test`; the last one counts, as tests may print such lines themselves. */
export function denoCounts(output: string): Counts | undefined {
  const lines = withoutColors(output).matchAll(/^(?:ok|FAILED) \| (\d+) passed.* \| (\d+) failed(.*)$/gm);
  const last = [...lines].at(-1);
  if (last === undefined) return undefined;
  const ignored = last[3]?.match(/ \| (\d+) ignored/)?.[1] ?? 0;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(ignored) };
}

/** Reads a log of run-time skips, `name\treason` a line; a test that skipped twice counts once. */
export function parseSkips(log: string): Skip[] {
  const byName = new Map<string, Skip>();
  for (const line of log.split("\n")) {
    const [name = "", reason = "no reason given"] = line.split("\t");
    if (name !== "" && !byName.has(name)) byName.set(name, { name, reason });
  }
  return [...byName.values()];
}

/** A runner counts a test that skipped at run time as passed; this moves those over. */
export function moveSkips(counts: Counts, skips: readonly Skip[]): Counts {
  const moved = Math.min(counts.passed, skips.length);
  return { ...counts, passed: counts.passed - moved, skipped: counts.skipped + moved };
}

/** Whether a test was skipped for want of a GPU or of what stands in for one. */
export function needsCuda(reason: string): boolean {
  return /\b(CUDA|GPU|NVIDIA|NVRTC|g\+\+|emulated driver)/.test(reason);
}
