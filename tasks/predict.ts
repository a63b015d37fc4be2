import { basename } from "@std/path";
import { recipe } from "../mod.ts";
import { type Command, type CommandContext, main, messageOf } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { formatPercent } from "../lib/cli/format.ts";
import { openedLine } from "../lib/cli/headline.ts";
import { usedFlags } from "../lib/cli/used_flags.ts";

const flags = {
  top: { kind: "integer", min: 1, default: 3, help: "Classes to show for each image" },
  size: { kind: "integer", min: 8, max: 1024, help: "Height and width that images are brought to, as in training" },
  strict: { kind: "boolean", help: "Do not answer images whose files are damaged, though they decode in part" },
  ema: { kind: "boolean", help: "Use the average of the weights" },
  ...usedFlags,
} as const satisfies Flags;

async function run({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  const [path, ...images] = words;
  if (path === undefined || images.length === 0) {
    throw new UsageError("Expected a run's folder or a checkpoint, and images after it, got too few words");
  }
  const { top, size, strict, ...how } = given;
  using trained = await recipe.open(path, { ...how, onWarning: (message) => report.note(`warning: ${message}`) });
  report.line(openedLine(trained));
  const { predictions, failures } = await trained.predict(images, { top, size, strict });
  const width = Math.max(0, ...predictions.map(({ image }) => basename(image).length));
  for (const { image, guesses } of predictions) {
    const shown = guesses.map(({ class: name, probability }) => `${name} ${formatPercent(probability)}`);
    report.line(`${basename(image).padEnd(width)}  ${shown.join(" · ")}`);
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
