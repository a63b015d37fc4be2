import { basename } from "@std/path";
import { recipe } from "../mod.ts";
import { type Command, type CommandContext, main, messageOf } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatPercent } from "../lib/cli/format.ts";
import { openedLine } from "../lib/cli/headline.ts";
import { shown } from "../lib/cli/data_report.ts";
import { usedFlags } from "../lib/cli/used_flags.ts";

const flags = {
  top: { kind: "integer", min: 1, default: 3, help: "Classes to show for each image" },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width that images are brought to, as in training" },
  strict: { kind: "boolean", help: "Do not answer images whose files are damaged, though they decode in part" },
  ema: { kind: "boolean", help: "Use the average of the weights" },
  ...usedFlags,
} as const satisfies Flags;

/** Files' names without their folders, unless two are alike. */
function namesOf(images: readonly string[]): string[] {
  const short = images.map((image) => basename(image));
  return (new Set(short).size === new Set(images).size ? short : images).map(shown);
}

async function run({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [path, ...images] = words;
  if (path === undefined || images.length === 0) {
    throw new UsageError("Expected a run's folder or a checkpoint, and images after it, got too few words");
  }
  const { top, size, strict, ...how } = given;
  using trained = await recipe.open(path, { ...how, onWarning: (message) => report.note(`warning: ${message}`) });
  report.line(openedLine(trained));
  const { predictions, failures } = await trained.predict(images, { top, size, strict });
  const names = namesOf(predictions.map(({ image }) => image));
  const width = names.reduce((most, { length }) => Math.max(most, length), 0);
  for (const [at, { guesses }] of predictions.entries()) {
    const likely = guesses.map(({ class: name, probability }) => `${shown(name)} ${formatPercent(probability)}`);
    report.line(`${names[at]!.padEnd(width)}  ${likely.join(" · ")}`);
  }
  for (const { image, damage } of predictions) {
    if (damage !== null) report.note(`warning: "${image}" is damaged, and was decoded as far as it goes: ${damage}`);
  }
  for (const { error } of failures) report.note(`error: ${messageOf(error)}`);
  const result = {
    run: path,
    predictions,
    failures: failures.map(({ image, error }) => ({ image, error: messageOf(error) })),
    unanswered: failures.length,
  };
  if (failures.length === 0) {
    report.result(result);
    return exitCodes.done;
  }
  // Where nothing was answered, the command line may be what was wrong.
  const wrong = predictions.length === 0 && failures.every(({ error }) => error instanceof recipe.RecipeError);
  const exitCode = wrong ? exitCodes.usage : exitCodes.failed;
  report.result({ ...result, error: `${failures.length} of ${images.length} images were not answered`, exitCode });
  return exitCode;
}

/** `deno task predict`. */
export const predictCommand: Command<typeof flags> = {
  name: "deno task predict",
  about: "Says what JPEG, PNG and WebP files show, by a trained model.",
  flags,
  registers: true,
  words: {
    name: "run image",
    help: "A run's folder, or a checkpoint; then the images",
    max: 10_000,
    required: true,
    path: true,
  },
  examples: ["deno task predict runs/20250131-120000-imagenette-128-5 photo.jpg --top 1"],
  run,
};

if (import.meta.main) await main(predictCommand);
