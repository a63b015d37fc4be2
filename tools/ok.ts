import { fromFileUrl } from "@std/path";
import project from "../deno.json" with { type: "json" };
import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { formatDuration } from "../lib/cli/format.ts";
import { processStreams } from "../lib/cli/report.ts";
import { tee } from "./tee.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

interface Step {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What to do when it fails, where its own output does not say so. */
  readonly fix?: string;
  /** Drops its stdout: `deno doc --lint` prints the documentation itself there. */
  readonly quiet?: boolean;
}

/** What one step of the gate came to. */
export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
}

/**
 * Everything that must hold before a change lands, in lanes that run side by side: Deno's own steps keep one processor
 * busy, and so does clippy, which compiles the crate twice.
 */
function lanes(): readonly (readonly Step[])[] {
  const deno = Deno.execPath();
  const generate = ["run", "-q", "--no-prompt", "-P=generate", "tools/generate.ts", "--check"];
  const clippy = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
  const { ".": whole, ...rooms } = project.exports;
  const page = "lib/serve/page";
  const doc = (name: string, entries: readonly string[]): Step => (
    { name, program: deno, args: ["doc", "--lint", ...entries], quiet: true }
  );
  return [
    [
      { name: "deno fmt", program: deno, args: ["fmt", "--check"], fix: "run `deno fmt`" },
      { name: "deno lint", program: deno, args: ["lint"] },
      {
        name: "generated files",
        program: deno,
        args: generate,
        fix: "run `deno task generate` and commit what changed",
      },
      { name: "deno check", program: deno, args: ["check", "-q"] },
      // What a browser runs knows the browser's names, and none of Deno's.
      {
        name: "deno check page",
        program: deno,
        args: ["check", "-q", "--config", `${page}/check.json`, `${page}/main.js`],
      },
      // mod.ts re-exports some rooms under a name, which the linter takes for private unless it reads them too.
      doc("deno doc", [whole, ...Object.values(rooms)]),
      // Each entry by itself too: whoever reads one alone has all that it speaks of.
      ...Object.entries(rooms).map(([name, entry]) => doc(`deno doc ${name}`, [entry])),
    ],
    [
      { name: "cargo fmt", program: "cargo", args: ["fmt", "--all", "--check"], fix: "run `cargo fmt --all`" },
      { name: "cargo clippy", program: "cargo", args: clippy },
    ],
  ];
}

/** The tests have the machine to themselves, as some of them measure time. */
function tests(): Step {
  return { name: "tests", program: Deno.execPath(), args: ["task", "test"] };
}

/** Runs one step; its output goes to `show`. */
async function runStep(step: Step, show: (text: string) => void, signal?: AbortSignal): Promise<StepResult> {
  const start = performance.now();
  const child = new Deno.Command(step.program, {
    args: [...step.args],
    cwd: root,
    stdin: "null",
    stdout: step.quiet ? "null" : "piped",
    stderr: "piped",
    signal,
  }).spawn();
  const shown = step.quiet ? undefined : tee(child.stdout, show);
  const [{ code }] = await Promise.all([child.status, tee(child.stderr, show), shown]);
  return { name: step.name, ok: code === 0, seconds: (performance.now() - start) / 1000 };
}

/** Runs every step of the gate, going on after one that failed. */
export async function ok(
  options: { tests?: boolean; note?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<StepResult[]> {
  const note = options.note ?? console.error;
  // To stderr, where it cannot mix with the table or the JSON object.
  const show = processStreams().err;
  const told = (step: Step, result: StepResult): StepResult => {
    if (!result.ok && step.fix !== undefined) note(`${step.name} failed: ${step.fix}`);
    return result;
  };
  const lane = async (steps: readonly Step[]): Promise<StepResult[]> => {
    const results: StepResult[] = [];
    for (const step of steps) {
      // Held until the step is over, as the other lane's lines would come in between.
      let held = "";
      const result = await runStep(step, (text) => void (held += text), options.signal);
      note(`--- ${step.name}`);
      show(held);
      results.push(told(step, result));
    }
    return results;
  };
  const results = (await Promise.all(lanes().map(lane))).flat();
  if (options.tests ?? true) {
    const step = tests();
    note(`--- ${step.name}`);
    results.push(told(step, await runStep(step, show, options.signal)));
  }
  return results;
}

const flags = {
  tests: { kind: "boolean", default: true, help: "Leave the tests out" },
} as const;

/** `deno task ok`. */
export const okCommand: Command<typeof flags> = {
  name: "deno task ok",
  about: "The one gate: format, lint, types, docs, generated files, tests.",
  flags,
  async run({ flags, report, signal }): Promise<number> {
    const results = await ok({ tests: flags.tests, note: (line) => report.note(line), signal });
    report.line("");
    for (const { name, ok, seconds } of results) {
      const time = formatDuration(seconds * 1000).padStart(8);
      report.line(`${name.padEnd(22)} ${ok ? "ok    " : "failed"} ${time}`);
    }
    const passed = results.every((result) => result.ok);
    report.result({ ok: passed, steps: results });
    return passed ? exitCodes.done : exitCodes.failed;
  },
};

if (import.meta.main) await main(okCommand);
