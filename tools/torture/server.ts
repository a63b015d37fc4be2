/** `deno task serve` as a process that is killed and started again, and clients that go on asking. */
import { root } from "./child.ts";
import { eventMessages } from "./event_messages.ts";

/** A server's process. */
export interface Serving {
  readonly url: string;
  /** Ends it, and waits for its end. */
  end(signal: Deno.Signal): Promise<void>;
}

/** Starts a server over a state, with the permissions of its task; resolves once it listens. */
export async function serving(
  state: string,
  { args = ["--jobs", "2", "--threads", "2"] }: { args?: readonly string[] } = {},
): Promise<Serving> {
  const own = ["-P=serve", "--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`, "tasks/main.ts", "serve"];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...own, "--port", "0", "--state", state, ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let told = "";
  const telling = (async (): Promise<void> => {
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) told = (told + part).slice(-2000);
  })();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await lines.read();
    if (done) {
      await telling;
      throw new Error(`The server ended with ${(await child.status).code} before it listened: ${told.trimEnd()}`);
    }
    text += value;
  }
  return {
    url: /http:\/\/[^\s,]+/.exec(text)![0],
    end: async (signal) => {
      child.kill(signal);
      await Promise.all([child.status, telling, lines.cancel()]);
    },
  };
}

/** Asks for JSON; throws where the server is gone, or answers by an error. */
export async function asked(
  url: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.error}`);
  return answer;
}

/** Asks again and again until there is an answer, whichever server gives it. */
export async function answered(
  url: () => string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  for (let left = 600;; left--) {
    try {
      return await asked(url(), method, path, body);
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The numbers of a job's events as a client hears them that comes again with the last one, until the job rests. */
export async function followed(url: () => string, job: string): Promise<number[]> {
  const numbers: number[] = [];
  while (true) {
    try {
      const headers: Record<string, string> = numbers.length === 0 ? {} : { "last-event-id": `${numbers.at(-1)}` };
      const response = await fetch(`${url()}/jobs/${job}/events`, { headers });
      if (response.status === 204) return numbers;
      for await (const { id } of eventMessages(response)) if (id !== undefined) numbers.push(Number(id));
    } catch {
      // The server is gone; the next one will know.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs a job to its end, and gives what it came to. Throws where it comes to nothing. */
export async function jobResult(
  url: string,
  job: Readonly<Record<string, unknown>> & { readonly name: string },
): Promise<Readonly<Record<string, unknown>>> {
  await asked(url, "POST", "/jobs", job);
  await followed(() => url, job.name);
  const { state, reason, result } = await asked(url, "GET", `/jobs/${job.name}`);
  if (state !== "done") throw new Error(`The job "${job.name}" is ${state}: ${reason}`);
  return result as Record<string, unknown>;
}
