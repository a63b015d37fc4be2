/** A server in a process of its own, which can be killed. */
import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("../../", import.meta.url));
const program = fromFileUrl(new URL("fake_server.ts", import.meta.url));

/** A process that serves. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
  /** What it has told so far. */
  told(): string;
}

/** Starts a server over a state, of fake jobs unless others are given; resolves once it listens. */
export async function serverProcess(state: string, args = ["-A", program, state]): Promise<ServerProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let told = "";
  const telling = (async (): Promise<void> => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) told += text;
  })();
  let text = "";
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("\n")) {
    const { done, value } = await lines.read();
    if (done) {
      await telling;
      throw new Error(`The server has ended: ${told}`);
    }
    text += value;
  }
  const rest = (async (): Promise<void> => {
    while (!(await lines.read()).done);
  })();
  let over = false;
  void child.status.then(() => over = true);
  const kill = (signal: Deno.Signal): void => {
    if (!over) child.kill(signal);
  };
  return {
    url: /http:\/\/[^\s,]+/.exec(text)![0],
    status: child.status,
    kill,
    told: () => told,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      kill("SIGTERM");
      await child.status;
      await Promise.all([telling, rest]);
    },
  };
}

/** `deno task serve` as deno.json has it, but for its port, so that jobs are real trainings. */
export function taskServer(state: string, ...more: string[]): Promise<ServerProcess> {
  const own = ["-P=serve", "--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`, "tasks/main.ts", "serve"];
  return serverProcess(state, [...own, "--port", "0", "--state", state, ...more]);
}
