/** The files in docs/architecture.md: code blocks whose first line is a comment with a file's name. */
import { dirname, join } from "@std/path";

/** A block of code that is a file, as `// my_model.ts` in its first line says. */
const file = /^```ts(?: ignore)?\n\/\/ ([\w./]+\.ts)\n([\s\S]*?)^```$/gm;

/** The files of a text by name, each with its first line. */
export function filesIn(markdown: string): Map<string, string> {
  return new Map([...markdown.matchAll(file)].map(([, name = "", code = ""]) => [name, `// ${name}\n${code}`]));
}

/** Writes some of them into a folder; gives their paths. */
export function writeFiles(files: ReadonlyMap<string, string>, folder: string, names: readonly string[]): string[] {
  return names.map((name) => {
    const text = files.get(name);
    if (text === undefined) throw new Error(`Expected a block that begins with "// ${name}", got none`);
    const path = join(folder, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
    return path;
  });
}
