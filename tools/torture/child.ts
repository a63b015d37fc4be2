/** Processes that a check starts: what may crash, or is to be killed, runs in one of its own. */
import { fromFileUrl } from "@std/path";

/** The repository's root. */
export const root = fromFileUrl(new URL("../../", import.meta.url));

/** How a child ended. */
export interface Ended {
  /** Exit code; 128 and the signal's number where one ended it. */
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly out: string;
  readonly err: string;
  /** Whether it had to be killed as it did not end. */
  readonly hung: boolean;
}

/** How to start a child, and what to do meanwhile. */
export interface ChildOptions {
  /** Words before the program, say `unshare -m`. */
  readonly prefix?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Permission flags; everything unless given. */
  readonly permissions?: readonly string[];
  /** Told everything of stdout or stderr so far, whenever more comes. */
  onOut?(text: string, child: Deno.ChildProcess): void;
  onErr?(text: string, child: Deno.ChildProcess): void;
  /** Told of the child as soon as it runs. */
  onStart?(child: Deno.ChildProcess): void;
  /** Milliseconds after which a child counts as hung; generous, as the machine may be busy. */
  readonly patience?: number;
}

/** A child that takes so long, in milliseconds, is hung. */
const PATIENCE = 600_000;

async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, told?: (text: string) => void): Promise<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    told?.(text);
  }
  return text;
}

/** Runs a program to its end. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<Ended> {
  const { prefix = [], env, cwd = root, onOut, onErr, onStart, patience = PATIENCE } = options;
  const [first, ...rest] = [...prefix, program, ...args];
  const child = new Deno.Command(first!, {
    args: rest,
    cwd,
    // Paths that a command prints are then those of its working folder.
    env: { NO_COLOR: "1", INIT_CWD: cwd, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  onStart?.(child);
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    kill(child, "SIGKILL");
  }, patience);
  try {
    const [out, err, { code, signal }] = await Promise.all([
      read(child.stdout, onOut && ((text): void => onOut(text, child))),
      read(child.stderr, onErr && ((text): void => onErr(text, child))),
      child.status,
    ]);
    return { code, signal, out, err, hung };
  } finally {
    clearTimeout(timer);
  }
}

/** Sends a signal; a child that has just ended is as well. */
export function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Runs a script of `children/` to its end. */
export async function runChild(script: string, args: readonly string[], options: ChildOptions = {}): Promise<Ended> {
  const { permissions = ["-A"] } = options;
  const path = fromFileUrl(new URL(`children/${script}.ts`, import.meta.url));
  return await runProgram(Deno.execPath(), ["run", "-q", "--no-prompt", ...permissions, path, ...args], options);
}

/** Runs a task's script as `deno task` does, without its build. */
export async function runTask(task: string, args: readonly string[], options: ChildOptions = {}): Promise<Ended> {
  const words = ["run", "-q", "--no-prompt", `-P=${task}`, `tasks/${task}.ts`];
  return await runProgram(Deno.execPath(), [...words, ...args], options);
}

/** The last line of a child's stdout as JSON, for children that answer so; how it ended where there is none. */
export function answerOf<Answer>({ code, signal, out, err, hung }: Ended): Answer {
  const line = out.trim().split("\n").at(-1) ?? "";
  if (code === 0 && line.startsWith("{")) return JSON.parse(line);
  const how = hung ? "hung" : signal === null ? `ended with ${code}` : `was ended by ${signal}`;
  throw new Error(`The child ${how}: ${lastLines(err)}`);
}

/** The end of what a child said. */
export function lastLines(text: string): string {
  return text.trim().split("\n").slice(-4).join(" / ").slice(-600);
}

/** Whether a program is there and ends well with these words. */
export async function works(program: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await runProgram(program, args)).code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Waits. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
