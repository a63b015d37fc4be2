import { recipe } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { checkOutFile, removeUnfinished } from "../lib/cli/out_path.ts";

const flags = {
  format: { kind: "choice", choices: ["fastai"], default: "fastai", help: "Whose names and layouts" },
  out: { kind: "string", placeholder: "file", path: true, help: "The safetensors file to write" },
} as const satisfies Flags;

async function run({ flags: { out }, words: [path], report, onStop }: CommandContext<typeof flags>): Promise<number> {
  if (path === undefined) {
    throw new UsageError(
      "Expected a run's folder or a checkpoint, got none: `deno task train` prints its run's folder",
    );
  }
  if (out === undefined) throw new UsageError("Expected --out, got none: say runs/exported.safetensors");
  checkOutFile("export", out, { paths: report.paths });
  onStop(() => removeUnfinished(out));
  const result = await recipe.exportWeights(path, { out, onWarning: (message) => report.note(`warning: ${message}`) });
  report.line(`${result.model} · ${formatNumber(result.parameters)} parameters`);
  report.line(`wrote ${result.file}: in PyTorch, model.load_state_dict(safetensors.torch.load_file("${result.file}"))`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task export`. */
export const exportCommand: Command<typeof flags> = {
  name: "deno task export",
  about: "Writes a trained model's weights as a state dict of fastai's network, which PyTorch loads.",
  flags,
  registers: true,
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true, path: true },
  examples: ["deno task export runs/20250131-120000-imagenette-128-5 --out runs/exported.safetensors"],
  run,
};

if (import.meta.main) await main(exportCommand);
