import { exitCodes } from "../lib/cli/exit_codes.ts";

/** The scripts in `examples/`. */
export const exampleNames = [
  "recipe",
  "recipe_run",
  "own_network",
  "own_optimizer",
  "gan",
  "worker",
  "loop",
  "new_op",
  "regression",
  "mixup",
  "accumulate",
  "antialiasing",
  "finetune",
  "distillation",
  "transformer",
  "dropout",
  "batch_job",
] as const;

const usage = `Runs a script of examples/; what follows its name is for the script, whose first lines say what it takes.

Usage: deno task example <${exampleNames.join("|")}> [flags]`;

/** `deno task example`: gives the exit status where no script was run. */
async function main([name = ""]: readonly string[]): Promise<number> {
  if (name === "--help" || name === "-h") {
    console.log(usage);
    return exitCodes.done;
  }
  if (!(exampleNames as readonly string[]).includes(name)) {
    console.error(
      `error: Expected the name of an example, one of ${exampleNames.join(", ")}, got ${
        name === "" ? "none" : `"${name}"`
      }`,
    );
    return exitCodes.usage;
  }
  // One that registers names does so when it is imported, and the rest in its main().
  const { main: run } = await import(`../examples/${name}.ts`) as { main?: () => Promise<void> };
  await run?.();
  return exitCodes.done;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
