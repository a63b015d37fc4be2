import { recipe } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { checkOutFile, removeUnfinished } from "../lib/cli/out_path.ts";
import { quoted } from "../lib/cli/settings_flags.ts";

const flags = {
  out: {
    kind: "string",
    placeholder: "file",
    path: true,
    help: "Where the model goes (default model.safetensors in the run's folder)",
  },
  ema: { kind: "boolean", help: "Take the average of the weights" },
} as const satisfies Flags;

/** Where it goes: beside the checkpoint of a run. */
function outOf(run: string, out: string | undefined): string {
  if (out !== undefined) return out;
  try {
    if (!Deno.statSync(run).isDirectory) throw new UsageError(`Expected --out with "${run}", a file, got none`);
  } catch (error) {
    // One that is not there is told of by who looks for it.
    if (error instanceof UsageError) throw error;
  }
  return `${run.replace(/\/$/, "")}/model.safetensors`;
}

async function run(
  { flags: { out, ema }, words: [path], report, onStop }: CommandContext<typeof flags>,
): Promise<number> {
  if (path === undefined) throw new UsageError("Expected a run's folder or a checkpoint, got none");
  const file = outOf(path, out);
  checkOutFile("pack", file, { paths: report.paths });
  onStop(() => removeUnfinished(file));
  const packed = await recipe.pack(path, { out: file, ema });
  report.line(`model     ${packed.model}, ${formatNumber(packed.steps)} steps${ema ? ", averaged weights" : ""}`);
  report.line(`file      ${file} · ${formatNumber(packed.bytes / 1e6, 2)} MB · SHA-256 ${packed.sha256}`);
  report.line(`next      deno task predict ${quoted(file)} photo.jpg`);
  report.result({ run: path, file, ...packed });
  return exitCodes.done;
}

/** `deno task pack`. */
export const packCommand: Command<typeof flags> = {
  name: "deno task pack",
  about:
    "Writes a trained model as one safetensors file: weights, recipe, classes, how images are prepared, a checksum.",
  flags,
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true, path: true },
  examples: [
    "deno task pack runs/20250131-120000-imagenette-128-5",
    "deno task pack runs/20250131-120000-imagenette-128-5 --ema --out runs/imagenette.safetensors",
  ],
  run,
};

if (import.meta.main) await main(packCommand);
