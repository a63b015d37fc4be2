/**
 * `deno task bench NAME`: measures speed, of the library and of PyTorch beside it. See docs/performance.md.
 *
 * @module
 */
import type { Command } from "../lib/cli/command.ts";
import { Endings } from "../lib/cli/endings.ts";
import type { Flags } from "../lib/cli/flags.ts";
import { benchNames } from "./bench/bench_names.ts";

/** The command of a name; of none, or a wrong one, a command that tells which there are. */
export async function benchCommandOf(name: string | undefined): Promise<Command<Flags>> {
  if (!(benchNames as readonly unknown[]).includes(name)) return (await import("./bench/names.ts")).namesCommand;
  const file: Record<string, Command<Flags>> = await import(`./bench/${name}.ts`);
  return file[`${name}Command`]!;
}

if (import.meta.main) {
  // Signals are listened to before the command and the library are loaded, as tasks/main.ts does.
  const endings = new Endings(Deno.args).watch();
  const [first, ...rest] = Deno.args;
  const { main } = await import("../lib/cli/command.ts");
  const known = (benchNames as readonly unknown[]).includes(first);
  await main(await benchCommandOf(first), known ? rest : Deno.args, endings);
}
