/** Where the code comes from that is not ours, and under which licences. */
import { join } from "@std/path";
import type { Check, Control } from "../check.ts";
import { lastLines, root, runProgram, works } from "../child.ts";

/** The part of `cargo metadata` that is looked at. */
interface Metadata {
  readonly packages: readonly {
    readonly name: string;
    readonly version: string;
    readonly license: string | null;
    readonly source: string | null;
  }[];
}

/** The lists of deny.toml that the own check goes by. */
interface Rules {
  readonly licenses: readonly string[];
  readonly sources: readonly string[];
  readonly banned: readonly string[];
  readonly npm: readonly string[];
}

/** A list of strings in a TOML file, after `key =`. */
function listOf(text: string, key: string): string[] {
  const found = new RegExp(`^${key} = \\[([^\\]]*)\\]`, "m").exec(text)?.[1];
  if (found === undefined) throw new Error(`Expected "${key}" in deny.toml`);
  return [...found.matchAll(/"([^"]+)"/g)].map(([, value]) => value!);
}

async function rules(): Promise<Rules> {
  const text = await Deno.readTextFile(join(root, "deny.toml"));
  return {
    licenses: listOf(text, "allow"),
    sources: listOf(text, "allow-registry"),
    banned: listOf(text, "deny"),
    npm: listOf(text, "# npm"),
  };
}

/** Whether a licence's expression can be met: one of each alternative, all of what is joined by AND. */
function isAllowed(expression: string, allowed: readonly string[]): boolean {
  const plain = expression.replaceAll("/", " OR ").replaceAll(/[()]/g, " ");
  return plain.split(/\s+AND\s+/).every((part) =>
    part.split(/\s+OR\s+/).some((each) =>
      allowed.includes(each.trim()) || allowed.includes(each.trim().split(" WITH ")[0]!)
    )
  );
}

/** What is wrong with a package. */
function wrongPackage({ name, license, source }: Metadata["packages"][number], rules: Rules): string | undefined {
  if (rules.banned.includes(name)) return `${name} is banned`;
  if (source === null) return undefined;
  // A mirror has another host; the index's kind tells a registry from a repository.
  if (!source.startsWith("registry+")) return `${name} comes from ${source.split("?")[0]}`;
  if (license === null) return `${name} names no licence`;
  return isAllowed(license, rules.licenses) ? undefined : `${name} is under ${license}`;
}

/** What is built here: packages for other systems need not have been downloaded. */
async function metadata(): Promise<Metadata> {
  const { out: version } = await runProgram("rustc", ["-vV"]);
  const target = /^host: (.+)$/m.exec(version)?.[1] ?? "";
  const args = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", target];
  const { code, out, err } = await runProgram("cargo", args);
  if (code !== 0) throw new Error(`cargo metadata: ${lastLines(err)}`);
  return JSON.parse(out);
}

/** Packages of npm in deno.lock, and whether deny.toml names them. */
export async function npmPackages(): Promise<{ readonly name: string; readonly isNamed: boolean }[]> {
  const { npm } = await rules();
  const lock = JSON.parse(await Deno.readTextFile(join(root, "deno.lock")));
  const names = new Set(Object.keys(lock.npm ?? {}).map((name) => name.replace(/(?<=.)@[^@]*$/, "")));
  // A scope is one owner's: naming it names all of its packages.
  return [...names].map((name) => ({
    name,
    isNamed: [name, name.replace(/(?<=^@[^/]+\/).*/, "*")].some((each) => npm.includes(each)),
  }));
}

/** Each package once. */
export const supply: Check = {
  name: "supply",
  promise: "Every package is from the registry, under a licence of the list in deny.toml, and named where npm has it.",
  unit: "packages",
  sizes: { quick: 1, long: 1 },
  async run(_, tally): Promise<void> {
    const known = await rules();
    for (const each of (await metadata()).packages) tally.count(wrongPackage(each, known));
    for (const { name, isNamed } of await npmPackages()) {
      tally.count(isNamed ? undefined : `${name} of npm is not in deny.toml`);
    }
    if (await works("cargo", ["deny", "--version"])) {
      const { code, err } = await runProgram("cargo", ["deny", "check", "bans", "licenses", "sources"]);
      // It asks for the packages of every system, those that are built elsewhere too.
      const apart = code !== 0 && /failed to (download|get)/.test(err);
      if (apart) tally.skip("cargo deny", "it cannot reach the registry");
      else tally.count(code === 0 ? undefined : `cargo deny: ${lastLines(err)}`);
      tally.figures["by"] = `${apart ? "" : "cargo deny and "}its own reading of deny.toml`;
    } else tally.figures["by"] = "its own reading of deny.toml; cargo deny is not here";
  },
  async control(): Promise<Control> {
    const planted = "a package under a licence that is not on the list, and one from a repository";
    const known = await rules();
    const strange = { name: "strange", version: "1.0.0", license: "SSPL-1.0", source: "registry+https://example.org" };
    const said = [
      wrongPackage(strange, known),
      wrongPackage({ ...strange, license: "MIT", source: "git+https://example.org/strange" }, known),
    ];
    return { planted, caught: said.every((each) => each !== undefined), said: said.join("; ") };
  },
};
