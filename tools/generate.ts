/**
 * Writes the files that follow from the op table `core-rs/ops.toml`, from the table of settings, and from the results of
 * sweeps; with `--check` it only compares them and exits with 1 when one is stale.
 *
 * @module
 */
import { readTable } from "./generate/table.ts";
import { rustExports, rustSignatures } from "./generate/rust.ts";
import { experimentsPage } from "./generate/experiments.ts";
import { cHeader } from "./generate/header.ts";
import { settingsPage } from "./generate/settings.ts";
import { symbols } from "./generate/symbols.ts";

const root = new URL("../", import.meta.url);

/** The generated files: path from the repository's root, and text. */
export async function generatedFiles(): Promise<Map<string, string>> {
  const table = readTable(Deno.readTextFileSync(new URL("core-rs/ops.toml", root)));
  return new Map([
    ["core-rs/generated/exports.rs", rustExports(table)],
    ["core-rs/generated/signatures.rs", rustSignatures(table)],
    ["core-rs/include/libtrain.h", cHeader(table)],
    ["lib/ffi/generated/symbols.ts", symbols(table)],
    ["tests/generated/ops.json", JSON.stringify({ ops: table.ops, functions: table.functions }, null, 1) + "\n"],
    ["docs/settings.md", settingsPage()],
    ["docs/experiments.md", await experimentsPage(Deno.readTextFileSync(new URL("docs/experiments.md", root)))],
  ]);
}

/** The generated files that differ from the committed ones. */
export async function staleFiles(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of await generatedFiles()) {
    let current = "";
    try {
      current = Deno.readTextFileSync(new URL(path, root));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    if (current !== text) stale.push(path);
  }
  return stale;
}

if (import.meta.main) {
  const stale = await staleFiles();
  if (Deno.args.includes("--check")) {
    for (const path of stale) console.error(`${path} is stale: run deno task generate`);
    Deno.exit(stale.length > 0 ? 1 : 0);
  }
  const files = await generatedFiles();
  for (const path of stale) {
    Deno.writeTextFileSync(new URL(path, root), files.get(path) ?? "");
    console.error(`wrote ${path}`);
  }
}
