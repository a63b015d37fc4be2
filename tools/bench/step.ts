/** `deno task bench step`, and with `--peer` the same step beside PyTorch's. */
import { UsageError } from "../../lib/cli/flags.ts";
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { recipe } from "../../mod.ts";
import { benchCommand, benches, type BenchPreset, stepFlags } from "../../tasks/bench.ts";
import { compareSteps, dtypes, layouts, modes, optimizers } from "./compare_steps.ts";
import { handOver, outFlag, requireOut, threadsOf, wordsOf } from "./options.ts";
import { requireCheckout } from "./other_checkout.ts";
import { type LimitedIsa, requirePeer, starts } from "./starts.ts";
import { linesOf } from "./step_rows.ts";

const comparing = {
  peer: { kind: "switch", help: "Measure PyTorch's step too, in turn (deno task bench peers makes its environment)" },
  beside: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Measure the step of another checkout of this repository too, in turn",
  },
  rounds: { kind: "integer", min: 1, help: "Rounds of each, in turn (default 3)" },
  dtypes: {
    kind: "string",
    placeholder: "words",
    help: "Compare in f32, bf16 or both, joined by commas (default both)",
  },
  modes: {
    kind: "string",
    placeholder: "words",
    help: `PyTorch's: ${modes.join(", ")} (default eager,compile; autotune chooses compiled kernels by timing)`,
  },
  optimizers: {
    kind: "string",
    placeholder: "words",
    help: "PyTorch's: fastai's ranger, fused adamw or both (default both)",
  },
  layouts: { kind: "string", placeholder: "words", help: "PyTorch's: nchw, nhwc or both, of which the better counts" },
  isa: { kind: "choice", choices: ["avx2"], help: "Keep both sides to an instruction set" },
  out: outFlag("Write the comparison to this file"),
} as const;

const flags = { ...stepFlags, ...comparing } as const;

/** The command line of `deno task bench step`. */
export const stepCommand: Command<typeof flags> = {
  name: "deno task bench step",
  about:
    "Measures the speed of one training step: forward, backward, optimizer, loss read back. With --peer or --beside it " +
    "compares captured steps, by default of imagenette-128-5, and takes the flags from --peer on; --dtype, --warmup and " +
    "--no-capture are of a single measurement.",
  examples: [
    "deno task bench step --bs 128 --json",
    "deno task bench step --peer",
    "deno task bench step --peer --modes compile --dtypes bf16 --beside ../older",
  ],
  flags,
  async run(context): Promise<number> {
    const { flags, report, signal } = context;
    const { peer, beside, rounds, out, isa, preset: named, dtype, capture: _, ...rest } = flags;
    if (peer !== true && beside === undefined) {
      const unused = Object.keys(comparing).find((name) => flags[name as keyof typeof comparing] !== undefined);
      if (unused !== undefined) {
        throw new UsageError(`Expected --${unused} with --peer or --beside, got it alone: add one of them`);
      }
      return await benchCommand.run({ ...context, words: ["step"] });
    }
    if (!flags.capture) throw new UsageError("Expected a comparison of captured steps, got --no-capture: leave it out");
    if (dtype !== "f32") throw new UsageError(`Expected --dtypes in a comparison, got --dtype: say --dtypes ${dtype}`);
    if (rest.warmup !== undefined) {
      throw new UsageError("Expected a comparison without --warmup, got it: each process warms up once");
    }
    const wanted = {
      dtypes: wordsOf("dtypes", rest.dtypes ?? "f32,bf16", dtypes),
      modes: peer === true ? wordsOf("modes", rest.modes ?? "eager,compile", modes) : [],
      optimizers: wordsOf("optimizers", rest.optimizers ?? "ranger,adamw", optimizers),
      layouts: wordsOf("layouts", rest.layouts ?? "nchw,nhwc", layouts),
    };
    const preset = (named ?? "imagenette-128-5") as BenchPreset;
    requireOut(out);
    if (peer === true) requirePeer();
    if (beside !== undefined) await requireCheckout(beside);
    const result = await compareSteps({
      ...wanted,
      preset,
      bs: rest.bs ?? recipe.preset(preset).bs,
      size: rest.size ?? benches[preset].size,
      threads: threadsOf(rest.threads),
      rounds: rounds ?? 3,
      steps: rest.steps ?? 3,
      isa: isa as LimitedIsa,
      beside,
      starts,
      signal,
      note: (line) => report.note(line),
    });
    for (const line of linesOf(result.rows, result.ratios)) report.line(line);
    await handOver(result, { report, out });
    return exitCodes.done;
  },
};
