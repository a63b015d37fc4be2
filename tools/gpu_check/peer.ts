/** PyTorch's training step in a process that stays, so that rounds of it and of ours can alternate. */
import { fromFileUrl } from "@std/path";

const script = fromFileUrl(new URL("../../benchmarks/peer/torch_entry_step.py", import.meta.url));

/** What to run. */
export interface PeerOptions {
  readonly mode: "eager" | "compile" | "graph";
  readonly dtype: "bf16" | "f32";
  readonly device: "cpu" | "cuda";
  readonly bs: number;
  readonly size: number;
  readonly small: boolean;
}

/** What it says once it is warm. */
export interface PeerFacts {
  readonly peer: string;
  readonly device: string;
  readonly parameters: number;
  readonly warmup_s: number;
}

/** A line of JSON; throws where the process ends or the time is over. */
async function within<Value>(seconds: number, value: Promise<Value>, what: string): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took more than ${Math.floor(seconds)} s`)), 1000 * seconds);
  try {
    return await Promise.race([value, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A running peer. */
export class Peer implements AsyncDisposable {
  readonly facts: PeerFacts;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(child: Deno.ChildProcess, lines: AsyncIterator<string>, facts: PeerFacts) {
    this.#child = child;
    this.#lines = lines;
    this.#writer = child.stdin.getWriter();
    this.facts = facts;
  }

  /** Starts one and waits until it is compiled and warm. */
  static async start(python: string, options: PeerOptions, seconds: number): Promise<Peer> {
    const { mode, dtype, device, bs, size, small } = options;
    const sizes = ["--batch", `${bs}`, "--size", `${size}`];
    const narrow = small ? ["--widen", "0.25", "--images", "32", "--warmup", "2"] : [];
    const child = new Deno.Command(python, {
      args: [script, "--mode", mode, "--dtype", dtype, "--device", device, ...sizes, ...narrow],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = lastOf(child.stderr);
    const lines = linesOf(child.stdout);
    try {
      const { value, done } = await within(seconds, lines.next(), "Compiling and warming up");
      if (done) throw new Error(`It ended: ${(await said).slice(-600)}`);
      return new Peer(child, lines, JSON.parse(value));
    } catch (error) {
      await end(child);
      throw error;
    }
  }

  /** Milliseconds a step, of so many. */
  async round(steps: number, seconds: number): Promise<number> {
    await this.#writer.write(new TextEncoder().encode(`${steps}\n`));
    const { value, done } = await within(seconds, this.#lines.next(), "A round");
    if (done) throw new Error("It ended in the middle of a round");
    return JSON.parse(value).ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await end(this.#child);
  }
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
  await child.status;
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    // What is compiled may print lines of its own.
    for (const line of lines) if (/^\{"(peer|ms)"/.test(line)) yield line;
  }
}

/** The end of what a process says. */
async function lastOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let kept = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) kept = (kept + text).slice(-4000);
  return kept;
}
