/** The rooms of docs/architecture.md, and whether files keep to them. */
import { join } from "@std/path";
import { importsOf, tokensOf } from "./imports.ts";

/** The rooms of the library, top to bottom: each imports from itself and from those behind it alone. */
export const rooms = [
  "serve",
  "study",
  "recipe",
  "train",
  "run",
  "checkpoint",
  "data",
  "models",
  "optim",
  "nn",
  "tensor",
  "io",
  "registry",
  "ffi",
] as const;

/** What a file of a folder above the library may import; `types` of what it may take types alone. */
const above: Readonly<Record<string, { readonly paths: RegExp; readonly bare: RegExp; readonly types?: RegExp }>> = {
  // A folder of examples is a program that is deployed by itself.
  examples: { paths: /^examples\/deploy\//, bare: /^@libtrain\/libtrain$|^@std\// },
  studies: { paths: /^$/, bare: /^@libtrain\/libtrain$/ },
  tasks: { paths: /^(mod\.ts$|lib\/cli\/|tasks\/|examples\/)/, bare: /^@std\// },
  benchmarks: { paths: /^(mod\.ts$|benchmarks\/)/, bare: /^@std\//, types: /^tasks\// },
  // What names show is one rule, on a terminal and in messages of the library.
  "lib/cli": { paths: /^(mod\.ts$|deno\.json$|lib\/cli\/|lib\/io\/shown\.ts$)/, bare: /^@std\// },
};

/** A file by its path from the repository's root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The repository's path of what a file imports; undefined of what is not a file beside it. */
function target(path: string, specifier: string): string | undefined {
  if (!/^\.{1,2}\//.test(specifier)) return undefined;
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** The room of the library that a path lies in; undefined outside them. */
function roomOf(path: string): string | undefined {
  return /^lib\/([^/]+)\//.exec(path)?.[1];
}

function wrongImport(path: string, specifier: string, types: boolean): string | undefined {
  const to = target(path, specifier);
  const room = roomOf(path);
  const outside = room === "cli" ? "lib/cli" : path.split("/")[0]!;
  const rule = above[outside];
  if (rule !== undefined) {
    if (to === undefined) return rule.bare.test(specifier) ? undefined : "a module that is not its to use";
    return rule.paths.test(to) || types && rule.types?.test(to) === true ? undefined : "deeper than it may";
  }
  if (to === undefined) {
    return specifier.startsWith("node:") ? undefined : "a bare specifier, for which a reader needs an import map";
  }
  const order = rooms as readonly string[];
  if (path === "mod.ts") return order.includes(roomOf(to) ?? "") ? undefined : "what is no room";
  const [from, goal] = [order.indexOf(room ?? ""), order.indexOf(roomOf(to) ?? "")];
  if (from < 0) return "from what is no room";
  return goal < 0 ? "what is no room below" : goal < from ? "a room above" : undefined;
}

/** What of a file breaks the rules, a line each: `lib/nn/a.ts imports ../train/b.ts: a room above`. */
export function violations({ path, text }: SourceFile): string[] {
  const found = importsOf(text).flatMap(({ specifier, types }) => {
    const wrong = wrongImport(path, specifier, types);
    return wrong === undefined ? [] : [`${path} imports ${specifier}: ${wrong}`];
  });
  const words = new Set(tokensOf(text).filter(({ kind }) => kind === "word").map(({ value }) => value));
  const room = roomOf(path);
  if (words.has("dlopen") && room !== "ffi") found.push(`${path} opens a library: only lib/ffi does`);
  const library = room !== undefined || path === "mod.ts" || path.startsWith("tasks/");
  if (library && room !== "models" && [...words].some((word) => /^XResNet/.test(word))) {
    found.push(`${path} names XResNet: only lib/models does`);
  }
  return found;
}

/** Every TypeScript file below some folders, `mod.ts` among them. */
export function sourceFiles(
  root: string,
  folders = ["lib", "tasks", "examples", "studies", "benchmarks"],
): SourceFile[] {
  const below = (folder: string): string[] =>
    [...Deno.readDirSync(join(root, folder))].flatMap(({ name, isDirectory }) =>
      isDirectory ? below(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
    );
  const paths = ["mod.ts", ...folders.flatMap(below)].sort();
  return paths.map((path) => ({ path, text: Deno.readTextFileSync(join(root, path)) }));
}
