/** What the benchmarks have in common. */

/** The repository's folder. */
export const root = new URL("../", import.meta.url);

/** What a program prints, run in the repository's folder unless told otherwise; throws what it said where it failed. */
export async function outputOf(
  command: string,
  args: string[],
  { cwd = root, signal }: { cwd?: string | URL; signal?: AbortSignal } = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    signal,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The middle one; the upper of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** The mean. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Writes a result to a path in the repository. */
export async function writeResult(path: string | URL, result: Readonly<Record<string, unknown>>): Promise<void> {
  await Deno.writeTextFile(new URL(path, root), JSON.stringify(result, null, 1) + "\n");
}

/** The object in a JSON file; undefined where there is no such file. */
export async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** SHA-256 of a file, in hex. */
export async function sha256Of(path: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path))).toHex();
}
