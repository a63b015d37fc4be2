/**
 * What `deno task NAME` runs for the commands of this folder: signals are listened to before the command and the library
 * are loaded, so that `--json` gives its object even then.
 *
 * @module
 */
import { Endings } from "../lib/cli/endings.ts";
import type { Command } from "../lib/cli/command.ts";
import type { Flags } from "../lib/cli/flags.ts";

const [name = "", ...args] = Deno.args;
const endings = new Endings(args).watch();

if (import.meta.main) {
  // lr-find is lrFindCommand of lr_find.ts.
  const [file, command] = [name.replaceAll("-", "_"), name.replaceAll(/-(\w)/g, (_, letter) => letter.toUpperCase())];
  const [{ main }, commands] = await Promise.all([
    import("../lib/cli/command.ts"),
    import(`./${file}.ts`) as Promise<Record<string, Command<Flags>>>,
  ]);
  await main(commands[`${command}Command`]!, args, endings);
}
