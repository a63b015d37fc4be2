import { encodeHex } from "@std/encoding/hex";
import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { readStateDict, writeFastai } from "../lib/checkpoint/fastai.ts";
import type { SafeTensor } from "../lib/checkpoint/safetensors.ts";
import { readTensors, startingCounters } from "../lib/checkpoint/state.ts";
import { Device, models, saveCheckpoint } from "../mod.ts";
import { checkOutFile, makeFolderOf } from "./out_path.ts";
import { buildModel, type ModelConfig } from "./run_config.ts";

/** Which network the weights belong to, and where the checkpoint goes. */
export interface ImportOptions {
  /** fastai's name of the network. */
  readonly arch: models.ArchName;
  /** By default relu, as in fastai. */
  readonly act?: models.ActName;
  /** By default avg, as in fastai. */
  readonly pool?: models.PoolKind;
  /** Whether it has self-attention; by default false. */
  readonly sa?: boolean;
  /** The checkpoint to write. */
  readonly out: string;
}

/** What was imported. */
export interface ImportResult {
  /** The checkpoint. */
  readonly checkpoint: string;
  readonly arch: models.ArchName;
  readonly classes: number;
  readonly parameters: number;
  /** SHA-256 of the weights' file, in hex. */
  readonly sha256: string;
}

/** Where fastai keeps the last layer of a network of four stages. */
const head = "11.weight";

function classesOf(tensors: ReadonlyMap<string, SafeTensor>): number {
  // Without it the file does not fit anyway, and the error names what else is missing.
  return Math.max(1, tensors.get(head)?.shape[0] ?? 1);
}

/** SHA-256 of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
}

/** Turns weights of fastai or PyTorch, a safetensors file of the state dict, into a checkpoint. */
export async function importWeights(weights: string, options: ImportOptions): Promise<ImportResult> {
  const { arch, act = "relu", pool = "avg", sa = false, out } = options;
  const saved = await readStateDict(weights);
  const classes = classesOf(saved);
  const model: ModelConfig = { model: { name: arch, options: { classes, act, pool, sa } }, seed: 0, dtype: "f32" };
  using device = new Device("cpu");
  using network = buildModel(model, device);
  writeFastai(network, saved);
  const tensors = await readTensors({ model: network });
  const sha256 = await sha256Of(weights);
  await makeFolderOf(out);
  const config = { ...model, imported: { format: "fastai", file: weights, sha256 } };
  await saveCheckpoint(out, { state: { tensors, counters: startingCounters }, config });
  const parameters = [...network.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  return { checkpoint: out, arch, classes, parameters, sha256 };
}

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
  out: { kind: "string", placeholder: "file", help: "The checkpoint to write" },
} as const satisfies Flags;

/** The words of the command line that it cannot do without. */
async function checked(weights: string | undefined, { arch, out }: { arch?: models.ArchName; out?: string }): Promise<{
  weights: string;
  arch: models.ArchName;
  out: string;
}> {
  if (weights === undefined) throw new UsageError("Expected a file of weights, got none: give a .safetensors file");
  if (arch === undefined) throw new UsageError("Expected --arch, got none: say xse_resnext50, or what was trained");
  if (out === undefined) throw new UsageError("Expected --out, got none: say runs/imported.safetensors");
  checkOutFile("import", out);
  const found = await Deno.stat(weights).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (found === null || !found.isFile) {
    throw new UsageError(`Expected a file of weights, got "${weights}", which is ${found ? "no file" : "not there"}`);
  }
  return { weights, arch, out };
}

async function run({ flags: { arch, out, ...options }, words, report }: CommandContext<typeof flags>): Promise<number> {
  const given = await checked(words[0], { arch, out });
  const result = await importWeights(given.weights, { ...options, arch: given.arch, out: given.out });
  const { parameters, classes } = result;
  report.line(
    `${result.arch} · ${formatNumber(parameters)} parameters · ${classes} ${classes === 1 ? "class" : "classes"}`,
  );
  report.line(`wrote ${result.checkpoint}`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task import`. */
export const importCommand: Command<typeof flags> = {
  name: "deno task import",
  about: "Turns weights trained with fastai or PyTorch into a checkpoint.",
  flags,
  words: { name: "weights", help: "A safetensors file of the state dict", max: 1, required: true },
  examples: [
    "deno task import weights.safetensors --arch xse_resnext50 --act mish --pool maxblur --sa --out runs/imported.safetensors",
  ],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, importCommand));
