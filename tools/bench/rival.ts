/** A process that is measured in turn with others: it stays, with what it has compiled and warmed, and waits meanwhile. */
import { TextLineStream } from "./lines.ts";

/** How to start one. */
export interface RivalOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** What a round of steps came to. */
export interface Round {
  /** Milliseconds of each step. */
  readonly ms: readonly number[];
  /** The most memory held in these steps, and ever, MiB. */
  readonly peak_mib: number;
  readonly whole_peak_mib: number;
  /** Of the last step, where it is told; null where it is not finite. */
  readonly loss?: number | null;
}

/** What a setup came to. */
export interface SetUp {
  readonly parameters: number;
  /** Seconds from nothing to the end of the first step, compiling included. */
  readonly first_step_s: number;
  /** Graphs that an earlier process had compiled: `first_step_s` is then no time of compiling. */
  readonly cached_graphs?: number;
  readonly threads?: number;
}

/** A process that answers requests, a JSON object a line. */
export class Rival implements AsyncDisposable {
  /** What it said of itself. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #said: Promise<string>;

  private constructor(
    child: Deno.ChildProcess,
    lines: ReadableStreamDefaultReader<string>,
    said: Promise<string>,
    facts: Readonly<Record<string, unknown>>,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.#requests = child.stdin.getWriter();
    this.#said = said;
    this.facts = facts;
  }

  /** Starts one, and waits until it is ready. */
  static async start({ program, args, env, signal }: RivalOptions): Promise<Rival> {
    const child = new Deno.Command(program, {
      args: [...args],
      env,
      signal,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = endOf(child.stderr);
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    try {
      const { ready } = await answer(lines, said) as { ready: Record<string, unknown> };
      return new Rival(child, lines, said, ready);
    } catch (error) {
      await child.stdin.close().catch(() => {});
      await ended(child);
      throw error;
    }
  }

  /** Asks for one thing by its name. */
  async ask<Answer>(name: string, request: Readonly<Record<string, unknown>>): Promise<Answer> {
    await this.#requests.write(new TextEncoder().encode(`${JSON.stringify({ [name]: request })}\n`));
    return await answer(this.#lines, this.#said) as Answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => {});
    await this.#lines.cancel();
    await ended(this.#child);
    await this.#said;
  }
}

async function ended(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
  await child.status;
}

/** The next answer; throws what it says of a failure, or said before it ended. */
async function answer(lines: ReadableStreamDefaultReader<string>, said: Promise<string>): Promise<unknown> {
  const { value, done } = await lines.read();
  if (done) throw new Error(`What is measured ended: ${(await said).trim().slice(-600)}`);
  const given = JSON.parse(value);
  if ("error" in given) throw new Error(`What is measured failed: ${given.error}`);
  return given;
}

/** The end of what a process says on stderr. */
async function endOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let kept = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) kept = (kept + text).slice(-4000);
  return kept;
}
