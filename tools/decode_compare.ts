/**
 * Decodes every JPEG, PNG and WebP below some folders here and with PIL, and prints how many agree.
 *
 *     deno run --allow-read --allow-env --allow-ffi --allow-run tools/decode_compare.ts [--python PATH] [--list] FOLDER…
 *
 * PATH is a Python with Pillow (by default `python3`); --list names every file on which the two differ or one alone refuses.
 */
import { fromFileUrl, join } from "@std/path";
import { data, DataError, Device } from "../mod.ts";

/** What PIL made of a file. */
interface Answer {
  readonly width?: number;
  readonly height?: number;
  /** Whether only with LOAD_TRUNCATED_IMAGES. */
  readonly lenient?: boolean;
  readonly error?: string;
}

function kindOf(bytes: Uint8Array): string | undefined {
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  if (head.startsWith("\xff\xd8\xff")) return "JPEG";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "WebP" : undefined;
}

function* filesOf(path: string): Generator<string> {
  if (Deno.statSync(path).isFile) return yield path;
  const entries = [...Deno.readDirSync(path)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory, isFile } of entries) {
    if (isDirectory) yield* filesOf(join(path, name));
    else if (isFile) yield join(path, name);
  }
}

/** PIL in a process of its own. */
class Pil {
  #process: Deno.ChildProcess;
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #kept = new Uint8Array();

  constructor(python: string) {
    const args = [fromFileUrl(new URL("decode_compare.py", import.meta.url))];
    this.#process = new Deno.Command(python, { args, stdin: "piped", stdout: "piped" }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reader = this.#process.stdout.getReader();
  }

  async #more(): Promise<void> {
    const { value } = await this.#reader.read();
    if (value === undefined) throw new Error("Expected an answer from Python, got none: does it have Pillow?");
    const longer = new Uint8Array(this.#kept.length + value.length);
    longer.set(this.#kept);
    longer.set(value, this.#kept.length);
    this.#kept = longer;
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#kept.length < count) await this.#more();
    const taken = this.#kept.slice(0, count);
    this.#kept = this.#kept.slice(count);
    return taken;
  }

  async line(): Promise<unknown> {
    while (!this.#kept.includes(10)) await this.#more();
    const line = await this.take(this.#kept.indexOf(10) + 1);
    return JSON.parse(new TextDecoder().decode(line));
  }

  ask(path: string): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(`${JSON.stringify(path)}\n`));
  }

  async end(): Promise<void> {
    await this.#writer.close();
    await this.#process.status;
  }
}

/** Levels by which two images differ: the largest, and the share of samples. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): { most: number; share: number } {
  let most = 0, different = 0;
  for (let i = 0; i < a.length; i++) {
    const levels = Math.abs(a[i]! - b[i]!);
    most = Math.max(most, levels);
    if (levels > 0) different += 1;
  }
  return { most, share: different / a.length };
}

async function main(): Promise<void> {
  const folders: string[] = [];
  let python = "python3", list = false;
  for (let at = 0; at < Deno.args.length; at++) {
    if (Deno.args[at] === "--python") python = Deno.args[at += 1] ?? python;
    else if (Deno.args[at] === "--list") list = true;
    else folders.push(Deno.args[at]!);
  }
  const pil = new Pil(python);
  console.log("PIL:", await pil.line());
  using device = new Device("cpu", { threads: 1 });
  const counts = new Map<string, number>();
  const limits = { pixels: 1e9, memory: 4e9 };
  for (const path of folders.flatMap((folder) => [...filesOf(folder)])) {
    const bytes = await Deno.readFile(path);
    const kind = kindOf(bytes);
    if (kind === undefined) continue;
    await pil.ask(path);
    const { width, height, lenient, error } = await pil.line() as Answer;
    const theirs = width === undefined ? undefined : await pil.take(width * height! * 3);
    let ours: ArrayLike<number> | undefined, told = "", shape: readonly number[] = [];
    try {
      using pixels = await data.decodeImage(bytes, { device, limits, onDamage: (reason) => told = reason });
      [ours, shape] = [await pixels.data() as Uint8Array, pixels.shape];
    } catch (refusal) {
      if (!(refusal instanceof DataError)) throw refusal;
      told = refusal.message;
    }
    let result: string, detail = "";
    if (ours === undefined) result = theirs === undefined ? "both refuse" : "only libtrain refuses";
    else if (theirs === undefined) result = "only PIL refuses";
    else if (shape[0] !== height || shape[1] !== width) result = "other size";
    else {
      const { most, share } = difference(ours, theirs);
      result = most === 0 ? "equal" : "differ";
      if (most > 0) detail = `by ${most} levels at most, ${(100 * share).toFixed(3)} % of samples`;
      else if (told !== "") result += lenient ? ", damaged, PIL only if told to" : ", damaged";
    }
    const key = `${kind} ${result}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (list && !result.startsWith("equal") && result !== "both refuse") {
      console.log([key, path, detail, told, error ?? ""].filter((part) => part !== "").join(" | "));
    }
  }
  await pil.end();
  for (const [key, count] of [...counts].sort()) console.log(`${count}`.padStart(6), key);
}

await main();
