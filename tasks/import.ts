import { models, recipe } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { checkOutFile, removeUnfinished } from "../lib/cli/out_path.ts";

const flags = {
  arch: {
    kind: "choice",
    choices: models.archNames,
    placeholder: "name",
    help: "The network: xresnet, xresnext, xse_resnet or xse_resnext with 18, 34, 50 or 101, say xse_resnext50",
  },
  act: { kind: "choice", choices: models.actNames, default: "relu", help: "Its activation" },
  pool: {
    kind: "choice",
    choices: models.poolKinds,
    default: "avg",
    help: "What subsamples; avg is fastai's own: max in the stem, mean in shortcuts",
  },
  sa: { kind: "boolean", help: "It has self-attention" },
  prefix: { kind: "string", help: "What names in the file have before fastai's, say module." },
  strict: { kind: "boolean", default: true, help: "Leave out what does not fit, say a head of other classes" },
  out: { kind: "string", placeholder: "file", path: true, help: "The checkpoint to write" },
} as const satisfies Flags;

/** Refuses what is no file of weights before anything is built. */
async function requireFile(weights: string): Promise<void> {
  const found = await Deno.stat(weights).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (found?.isFile) return;
  throw new UsageError(`Expected a file of weights, got "${weights}", which is ${found ? "no file" : "not there"}`);
}

async function run(
  { flags: { arch, out, act, pool, sa, prefix, strict }, words: [weights], report, onStop }: CommandContext<
    typeof flags
  >,
): Promise<number> {
  if (weights === undefined) throw new UsageError("Expected a file of weights, got none: give a .safetensors file");
  if (arch === undefined) throw new UsageError("Expected --arch, got none: say xse_resnext50, or what was trained");
  if (out === undefined) throw new UsageError("Expected --out, got none: say runs/imported.safetensors");
  checkOutFile("import", out, { paths: report.paths });
  onStop(() => removeUnfinished(out));
  await requireFile(weights);
  const options = { model: { name: arch, act, pool, sa }, out, prefix, strict };
  const { model, ...result } = await recipe.importWeights(weights, options);
  const { parameters, classes } = result;
  report.line(`${model} · ${formatNumber(parameters)} parameters · ${classes} ${classes === 1 ? "class" : "classes"}`);
  if (result.leftOut.length > 0) report.line(`left out: ${result.leftOut.join(", ")}`);
  report.line(`wrote ${result.checkpoint}`);
  report.result({ ...result, arch: model });
  return exitCodes.done;
}

/** `deno task import`. */
export const importCommand: Command<typeof flags> = {
  name: "deno task import",
  about: "Turns weights trained with fastai or PyTorch into a checkpoint.",
  flags,
  words: { name: "weights", help: "A safetensors file of the state dict", max: 1, required: true, path: true },
  examples: [
    "deno task import weights.safetensors --arch xse_resnext50 --act mish --pool maxblur --sa --out runs/imported.safetensors",
  ],
  run,
};

if (import.meta.main) await main(importCommand);
