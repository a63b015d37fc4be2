import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type CommandLine, type NumberFlag, UsageError } from "../../../lib/cli/flags.ts";
import { helpText } from "../../../lib/cli/help.ts";
import { parseFlags } from "../../../lib/cli/parse_flags.ts";

const flags = {
  epochs: { kind: "integer", default: 5, min: 1, max: 1000, help: "Passes over the data" },
  lr: { kind: "number", min: 0, help: "Peak learning rate" },
  seed: { kind: "integer", help: "Seed of everything random" },
  preset: { kind: "string", default: "mnist", placeholder: "name", help: "What to train" },
  device: { kind: "choice", choices: ["auto", "cpu", "cuda"], default: "auto", help: "Where to run" },
  sa: { kind: "boolean", help: "Self-attention" },
  shuffle: { kind: "boolean", default: true, help: "Keep the data in order" },
} as const;

const command: CommandLine<typeof flags> = {
  name: "deno task train",
  about: "Trains.",
  flags,
  words: { name: "run", help: "A run folder", max: 1 },
  examples: ["deno task train --epochs 1"],
};

function refused(...args: string[]): string {
  return assertThrows(() => parseFlags(args, command), UsageError).message;
}

Deno.test("parseFlags: defaults, and undefined where there is none", () => {
  const { help, values, words } = parseFlags([], command);
  assertEquals(help, false);
  assertEquals(values, {
    epochs: 5,
    lr: undefined,
    seed: undefined,
    preset: "mnist",
    device: "auto",
    sa: false,
    shuffle: true,
  });
  assertEquals(words, []);
});

Deno.test("parseFlags: values have their declared types", () => {
  const { values } = parseFlags(["--epochs", "2", "--lr=1e-3", "--device", "cpu", "--sa", "--no-shuffle"], command);
  const epochs: number = values.epochs;
  const lr: number | undefined = values.lr;
  const device: "auto" | "cpu" | "cuda" = values.device;
  const shuffle: boolean = values.shuffle;
  assertEquals([epochs, lr, device, values.sa, shuffle], [2, 1e-3, "cpu", true, false]);
});

Deno.test("parseFlags: a negative number, the last of two, false by value, words that look like numbers", () => {
  const { values, words } = parseFlags(["--seed=-1", "--epochs", "1", "--epochs", "3", "--sa=false", "0412"], command);
  assertEquals([values.seed, values.epochs, values.sa, words], [-1, 3, false, ["0412"]]);
});

Deno.test("parseFlags: a flag does not swallow the word after a boolean one", () => {
  const { values, words } = parseFlags(["--sa", "run-1"], command);
  assertEquals([values.sa, words], [true, ["run-1"]]);
});

Deno.test("parseFlags: an unknown flag names the closest known one", () => {
  assertStringIncludes(refused("--epoch", "1"), "Unknown flag --epoch: did you mean --epochs?");
  // Not what has only a letter or two in common.
  const far = refused("--mixup", "0.4");
  assertStringIncludes(far, "Unknown flag --mixup: see `");
  assert(!far.includes("did you mean"), far);
  assertStringIncludes(refused("--sed=1"), "Unknown flag --sed: did you mean --seed?");
  assertStringIncludes(refused("--no-sa"), "Unknown flag --no-sa");
  assertStringIncludes(refused("-e", "1"), "Unknown flag -e");
});

Deno.test("parseFlags: numbers are checked, with the current and the wanted value", () => {
  assertEquals(refused("--epochs", "0"), 'Expected --epochs to be a whole number from 1 to 1000, got "0"');
  assertEquals(refused("--epochs", "1.5"), 'Expected --epochs to be a whole number from 1 to 1000, got "1.5"');
  assertEquals(refused("--epochs=two"), 'Expected --epochs to be a whole number from 1 to 1000, got "two"');
  assertEquals(refused("--lr=-1"), 'Expected --lr to be a number of at least 0, got "-1"');
  assertEquals(refused("--lr", "NaN"), 'Expected --lr to be a number of at least 0, got "NaN"');
  assertEquals(refused("--lr", "Infinity"), 'Expected --lr to be a number of at least 0, got "Infinity"');
  assertEquals(refused("--seed", " "), 'Expected --seed to be a whole number, got " "');
  assertEquals(refused("--seed", "9007199254740993"), 'Expected --seed to be a whole number, got "9007199254740993"');
});

Deno.test("parseFlags: a missing value, a wrong choice, a word too many", () => {
  assertStringIncludes(refused("--lr"), "Expected a value after --lr");
  assertStringIncludes(refused("--lr", "--sa"), "Expected a value after --lr");
  assertStringIncludes(refused("--preset="), "Expected a value after --preset");
  assertEquals(refused("--device", "gpu"), 'Expected --device to be one of auto, cpu, cuda, got "gpu"');
  assertStringIncludes(refused("a", "b"), 'Expected at most one word besides flags, got "a b"');
});

Deno.test("parseFlags: --help and -h win over a wrong value", () => {
  assertEquals(parseFlags(["--epochs", "0", "--help"], command).help, true);
  assertEquals(parseFlags(["-h"], command).help, true);
});

Deno.test("helpText: names every flag with its default and shows the examples", () => {
  const text = helpText(command);
  for (
    const part of [
      "Usage: deno task train [run] [flags]",
      "--epochs <number>",
      "(default 5)",
      "--device <auto|cpu|cuda>",
      "--preset <name>",
      "--no-shuffle",
      "--help",
      "Examples:\n  deno task train --epochs 1",
    ]
  ) assertStringIncludes(text, part);
  assertEquals(text.includes("default on"), false);
  const required = helpText({ ...command, words: { name: "run", help: "A run's folder", max: 1, required: true } });
  assertStringIncludes(required, "Usage: deno task train <run> [flags]");
});

Deno.test("parseFlags: a switch is on, off, or undefined where it was not given", () => {
  const line = { ...command, flags: { sym: { kind: "switch", help: "Symmetric" } } } as const;
  const given = (...args: string[]): boolean | undefined => parseFlags(args, line).values.sym;
  assertEquals([given(), given("--sym"), given("--no-sym"), given("--sym=false")], [undefined, true, false, false]);
  assertEquals(given("--no-sym", "--sym"), true);
  assertStringIncludes(helpText(line), "--[no-]sym");
});

Deno.test("parseFlags: a flag of other toolkits leads to ours, and a negative number names the flag before it", () => {
  const bs: CommandLine<{ bs: NumberFlag }> = {
    name: "deno task train",
    about: "Trains",
    flags: { bs: { kind: "number", min: 1, help: "Images a step" } },
  };
  const message = (...args: string[]): string => assertThrows(() => parseFlags(args, bs), UsageError).message;
  assertStringIncludes(message("--batch-size", "8"), "Unknown flag --batch-size: did you mean --bs?");
  assertEquals(
    message("--bs", "-1"),
    "Expected a value after --bs (--bs=-1 for one that starts with a minus), got none",
  );
  assertStringIncludes(refused("--batch-size", "8"), "Unknown flag --batch-size: see");
});
