import { join } from "@std/path";

/** What is tested: the crate, the TypeScript, and both on the emulated GPU. */
export const suites = ["rust", "typescript", "emulated"] as const;

/** One of them. */
export type Suite = typeof suites[number];

/** Files that hold tests; paths are relative to the repository's root, with `/`. */
export interface TestFiles {
  /** Sources of the crate with tests in them. */
  readonly rust: readonly string[];
  /** TypeScript that runs without a GPU. */
  readonly typescript: readonly string[];
  /** TypeScript that runs on the emulated GPU. */
  readonly emulated: readonly string[];
  /** Modules and texts with examples, which are tested too. */
  readonly docs: readonly string[];
}

/** What a word picks. */
export interface Picked {
  /** All of their tests run. */
  readonly whole: TestFiles;
  /** Their tests with the word in the name run, if there are any. */
  readonly named: TestFiles;
}

const noFiles: TestFiles = { rust: [], typescript: [], emulated: [], docs: [] };
/** What deno.json excludes, data, and what is stored or generated. */
const ignored = new Set(["fixtures", "generated", "node_modules", "runs", "shared", "target"]);
const example = /^\s*(?:\*|\/\/\/)?\s*```(?:ts|js|typescript|javascript)\b/m;

async function filesBelow(root: string, folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    if (!isDirectory) found.push(`${folder}${name}`);
    else if (!ignored.has(name) && !name.startsWith(".")) found.push(...await filesBelow(root, `${folder}${name}/`));
  }
  return found;
}

/** All files with tests below a root, sorted. */
export async function testFiles(root: string): Promise<TestFiles> {
  const paths = (await filesBelow(root)).sort();
  const holding = async (pattern: RegExp, wanted: (path: string) => boolean): Promise<string[]> => {
    const texts = await Promise.all(
      paths.filter(wanted).map(async (path) => [path, await textOf(root, path)] as const),
    );
    return texts.filter(([, text]) => pattern.test(text)).map(([path]) => path);
  };
  const tests = paths.filter((path) => path.endsWith("_test.ts"));
  return {
    rust: await holding(/#\[test\]/, (path) => path.endsWith(".rs")),
    typescript: tests.filter((path) => !path.startsWith("tests/emulated/")),
    emulated: tests.filter((path) => path.startsWith("tests/emulated/")),
    docs: await holding(example, (path) => /\.(ts|md)$/.test(path) && !path.startsWith("tests/")),
  };
}

async function textOf(root: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(join(root, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Texts of files by path, and of what tests import from each other: names of tests may be made from tables there. */
class Texts {
  readonly #root: string;
  readonly #texts = new Map<string, Promise<string>>();

  constructor(root: string) {
    this.#root = root;
  }

  of(path: string): Promise<string> {
    const known = this.#texts.get(path) ?? textOf(this.#root, path);
    this.#texts.set(path, known);
    return known;
  }

  /** Whether the word stands in a test file, or in what it imports from `tests/`. */
  async reach(path: string, word: string, seen = new Set<string>()): Promise<boolean> {
    if (seen.has(path)) return false;
    seen.add(path);
    const text = await this.of(path);
    if (text.includes(word)) return true;
    for (const [, from = ""] of text.matchAll(/(?:from|import|URL\()\s*"(\.[^"]+)"/g)) {
      const target = new URL(from, `file:///${path}`).pathname.slice(1);
      if (target.startsWith("tests/") && /\.(ts|json)$/.test(target) && await this.reach(target, word, seen)) {
        return true;
      }
    }
    return false;
  }
}

/** Names that stand in a text as they are; undefined where some are made of data. */
function plainNames(text: string): string[] | undefined {
  const calls = [...text.matchAll(/^\s*(?:(?:Deno\.)?test|long)\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`$]*)`)?/gm)];
  const names = calls.map(([, quoted, plain]) => quoted ?? plain);
  return names.some((name) => name === undefined) ? undefined : names as string[];
}

async function mayName(texts: Texts, path: string, word: string): Promise<boolean> {
  const text = await texts.of(path);
  // Such a helper may put something before the names.
  const names = /\bfunction test\(/.test(text) ? undefined : plainNames(text);
  return names === undefined ? await texts.reach(path, word) : names.some((name) => name.includes(word));
}

/** Whether cargo's names, `ops::conv2d::tests::name`, can have the word in them. */
async function rustNames(texts: Texts, path: string, word: string): Promise<boolean> {
  const modules = path.replace(/^core-rs\/(src|tests)\//, "").replace(/(\/mod)?\.rs$/, "").replaceAll("/", "::");
  if (`${modules}::tests::`.includes(word)) return true;
  const text = await texts.of(path);
  return [...text.matchAll(/\b(?:fn|mod) (\w+)/g)].some(([, name = ""]) => name.includes(word));
}

/**
 * Picks by a word: files with it in their paths whole, of the others those that may have it in a test's name. Rust files
 * count by name only, as modules are part of cargo's names.
 */
export async function pick(root: string, files: TestFiles, word: string): Promise<Picked> {
  const texts = new Texts(root);
  // "test" alone is in all paths.
  const inPath = (path: string): boolean => (word.includes("/") ? path : path.replace(/^tests\//, "")).includes(word);
  const among = async (
    paths: readonly string[],
    holds: (path: string) => Promise<boolean> | boolean,
  ): Promise<string[]> => {
    const held = await Promise.all(paths.map(holds));
    return paths.filter((_, index) => held[index]);
  };
  const byName = (paths: readonly string[]): Promise<string[]> =>
    among(paths, (path) => !inPath(path) && mayName(texts, path, word));
  return {
    whole: {
      ...noFiles,
      typescript: files.typescript.filter(inPath),
      emulated: files.emulated.filter(inPath),
      docs: files.docs.filter(inPath),
    },
    named: {
      ...noFiles,
      rust: await among(files.rust, (path) => rustNames(texts, path, word)),
      typescript: await byName(files.typescript),
      emulated: await byName(files.emulated),
    },
  };
}
