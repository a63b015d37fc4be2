import { type Command, type CommandContext, runCommand } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatNumber } from "../lib/cli/format.ts";
import { Device, exportFastai, writeTensors } from "../mod.ts";
import { damageNote, findCheckpoint } from "./run_files.ts";
import { checkOutFile, makeFolderOf } from "./out_path.ts";
import { buildModel, type ModelConfig } from "./run_config.ts";

/** What to write, and where. */
export interface ExportOptions {
  /** By default fastai, the only one. */
  readonly format?: "fastai";
  /** The file to write. */
  readonly out: string;
  /** Told what a reader should know. */
  note?(line: string): void;
}

/** What was exported. */
export interface ExportResult {
  readonly file: string;
  readonly format: "fastai";
  readonly model: string;
  readonly parameters: number;
}

/** Writes the weights of a run's folder, or of a checkpoint, as a state dict that fastai and PyTorch load. */
export async function exportWeights(path: string, options: ExportOptions): Promise<ExportResult> {
  const { format = "fastai", out } = options;
  const found = await findCheckpoint(path);
  const { state, config } = found;
  const note = damageNote(found);
  if (note !== undefined) options.note?.(note);
  const run = config as unknown as ModelConfig;
  using device = new Device("cpu");
  using model = buildModel(run, device);
  writeTensors(state.tensors, { model });
  await makeFolderOf(out);
  await exportFastai(model, out, { steps: state.counters.step });
  const parameters = [...model.namedParameters().values()].reduce((sum, { size }) => sum + size, 0);
  return { file: out, format, model: run.model.name, parameters };
}

const flags = {
  format: { kind: "choice", choices: ["fastai"], default: "fastai", help: "Whose names and layouts" },
  out: { kind: "string", placeholder: "file", help: "The safetensors file to write" },
} as const satisfies Flags;

async function run({ flags: { format, out }, words: [path], report }: CommandContext<typeof flags>): Promise<number> {
  if (path === undefined) {
    throw new UsageError(
      "Expected a run's folder or a checkpoint, got none: `deno task train` prints its run's folder",
    );
  }
  if (out === undefined) throw new UsageError("Expected --out, got none: say runs/exported.safetensors");
  checkOutFile("export", out);
  const result = await exportWeights(path, { format, out, note: (line) => report.note(line) });
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
  words: { name: "run", help: "A run's folder, or a checkpoint", max: 1, required: true },
  examples: ["deno task export runs/20250131-120000-imagenette-128-5 --out runs/exported.safetensors"],
  run,
};

if (import.meta.main) Deno.exit(await runCommand(Deno.args, exportCommand));
