/** `deno task job` as a process of its own. */
import { fromFileUrl, join } from "@std/path";
import type { serve } from "../../mod.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** What a process came to. */
export interface JobRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Milliseconds from the signal to the end; undefined where none was sent. */
  readonly stopped?: number;
}

/** How to run it. */
export interface JobRunOptions {
  /** Sent once the process has told this many lines on stdout, and so many milliseconds more have passed. */
  readonly signal?: { readonly name: Deno.Signal; readonly lines: number; readonly after: number };
  readonly stdin?: string;
}

/** Runs the command of `deno task job` with these words. */
export async function jobProcess(words: readonly string[], options: JobRunOptions = {}): Promise<JobRun> {
  const { signal, stdin } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=job", "tasks/main.ts", "job", ...words],
    cwd: root,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin)).catch(() => {});
    await writer.close().catch(() => {});
  }
  let out = "";
  let sent: number | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (): void => {
    try {
      child.kill(signal!.name);
      sent = performance.now();
    } catch {
      // It is over already.
    }
  };
  const reading = (async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      out += decoder.decode(bytes, { stream: true });
      if (signal !== undefined && timer === undefined && out.split("\n").length > signal.lines) {
        timer = setTimeout(send, signal.after);
      }
    }
  })();
  if (signal?.lines === 0) timer = setTimeout(send, signal.after);
  const [err, { code }] = await Promise.all([new Response(child.stderr).text(), child.status, reading]);
  clearTimeout(timer);
  return { code, out, err, ...(sent === undefined ? {} : { stopped: performance.now() - sent }) };
}

/** The lines of a text as events. */
export function eventsOf(text: string): serve.JobEvent[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The events in a job's folder; throws where a line is none, or where they are not numbered one after another. */
export function eventsIn(output: string): serve.JobEvent[] {
  const events = eventsOf(Deno.readTextFileSync(join(output, "events.ndjson")));
  for (const [at, { n }] of events.entries()) {
    if (n !== at + 1) throw new Error(`Expected event ${at + 1} of "${output}", got ${n}`);
  }
  return events;
}
