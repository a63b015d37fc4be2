import { resolve } from "@std/path";
import { serve } from "../mod.ts";
import { type Command, type CommandContext, main } from "../lib/cli/command.ts";
import { exitCodes } from "../lib/cli/exit_codes.ts";
import { type Flags, UsageError } from "../lib/cli/flags.ts";
import { taskCommand, taskEnvironment } from "../lib/cli/programs.ts";
import { quoted } from "../lib/cli/settings_flags.ts";
import { stopSignals } from "../lib/cli/stop_signals.ts";

const flags = {
  host: { kind: "string", default: "127.0.0.1", help: "Where to listen; others than this machine take tokens" },
  port: { kind: "integer", min: 0, max: 65_535, default: 8470, help: "The port; 0 takes any that is free" },
  state: {
    kind: "string",
    placeholder: "folder",
    path: true,
    help: "Where jobs, models and tokens are kept (default .cache/serve)",
  },
  "data-root": {
    kind: "strings",
    placeholder: "folder",
    path: true,
    help: "A folder below which data and weights that jobs name may lie; several may be given",
  },
  jobs: { kind: "integer", min: 1, max: 64, default: 1, help: "Jobs at once, which share threads and memory" },
  threads: { kind: "integer", min: 1, max: 256, help: "CPU threads of all jobs together (default every core)" },
  "predict-threads": { kind: "integer", min: 1, max: 256, help: "CPU threads that answer images (default every core)" },
  memory: { kind: "integer", min: 64, help: "MiB that all jobs together may hold (default what this machine has)" },
  "max-queued": { kind: "integer", min: 0, default: 1000, help: "Jobs that may wait" },
  "job-hours": { kind: "number", above: 0, max: 10_000, default: 168, help: "Hours that a job may run at a stretch" },
  grace: { kind: "integer", min: 1, default: 60, help: "Seconds that a job has to save before it is killed" },
  "max-body": { kind: "integer", min: 1, max: 1024, default: 64, help: "MiB of a request's body" },
  "add-token": { kind: "string", placeholder: "name", help: "Make a token, print it this once, and serve nothing" },
  "remove-token": { kind: "string", placeholder: "name", help: "Take a token back, and serve nothing" },
  "list-tokens": { kind: "boolean", help: "Print the tokens' names, and serve nothing" },
} as const satisfies Flags;

type Context = CommandContext<typeof flags>;

/** What the flags of tokens ask for; undefined where none is given. */
async function tokens({ flags: given, report }: Context, state: string): Promise<number | undefined> {
  const { "add-token": added, "remove-token": removed, "list-tokens": listed } = given;
  if (added !== undefined) {
    const token = await serve.addToken(state, added);
    report.line(token);
    report.result({ name: added, token });
    return exitCodes.done;
  }
  if (removed !== undefined) {
    if (!await serve.removeToken(state, removed)) throw new UsageError(`Expected a token's name, got "${removed}"`);
    report.line(`Token "${removed}" is taken back`);
    report.result({ removed });
    return exitCodes.done;
  }
  if (!listed) return undefined;
  const names = await serve.tokenNames(state);
  for (const { name, madeAt } of names) report.line(`${name}  ${new Date(madeAt).toISOString()}`);
  report.result({ tokens: names.map(({ name, madeAt }) => ({ name, madeAt: new Date(madeAt).toISOString() })) });
  return exitCodes.done;
}

/** Refuses a place to listen at, or a state, that this process has no permission for, with the command that has. */
function requireGranted({ flags: { host, port }, report: { paths } }: Context, state: string): void {
  const place = `${host.includes(":") ? `[${host}]` : host}${port === 0 ? "" : `:${port}`}`;
  const net = Deno.permissions.querySync({ name: "net", host: place }).state === "granted";
  const write = Deno.permissions.querySync({ name: "write", path: state }).state === "granted";
  if (net && write) return;
  const what = net ? `write to "${state}"` : `listen on ${place}`;
  const allowed = [
    ...(net ? [] : [`--allow-net=${quoted(place)}`]),
    ...(write ? [] : [`--allow-write=${quoted(`${resolve(state)},runs,.cache`)}`]),
    `--allow-run=${quoted(Deno.execPath())}`,
  ];
  throw new UsageError(
    `Cannot ${what}: \`deno task serve\` may listen on 127.0.0.1:8470 and write below runs and .cache only. To allow it, ` +
      `run \`deno run -P=serve ${allowed.join(" ")} tasks/main.ts serve ${paths.line.map(quoted).join(" ")}\``,
  );
}

async function run(context: Context): Promise<number> {
  const { flags: given, report } = context;
  const { paths } = report;
  const state = given.state ?? paths.ofProject(".cache/serve");
  requireGranted(context, state);
  const told = await tokens(context, state);
  if (told !== undefined) return told;
  const folder = resolve(state);
  using stop = stopSignals(report, "jobs are saving, and go on at the next start; once more ends at once");
  await using server = await serve.startServer({
    state: folder,
    jobCommand: (spec) => taskCommand("job", folder, [spec]),
    reportCommand: (run, out) => taskCommand("report", folder, [run, "--out", out]),
    host: given.host,
    port: given.port,
    dataRoots: given["data-root"],
    jobs: given.jobs,
    threads: given.threads,
    predictThreads: given["predict-threads"],
    memory: given.memory,
    maxQueued: given["max-queued"],
    jobSeconds: Math.ceil(3600 * given["job-hours"]),
    graceSeconds: given.grace,
    bodyBytes: given["max-body"] * 2 ** 20,
    cwd: paths.work,
    env: taskEnvironment(),
    onNote: (message) => report.note(message),
  });
  report.line(`Listening on ${server.url}, state in ${state}`);
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) return resolve();
    stop.signal.addEventListener("abort", () => resolve());
  });
  await server.drain();
  const exitCode = stop.exitCode!;
  report.result({ stopped: true, url: server.url, exitCode });
  return exitCode;
}

/** `deno task serve`. */
export const serveCommand: Command<typeof flags> = {
  name: "deno task serve",
  about:
    "Serves jobs and predictions over HTTP: jobs are queued, run as processes and followed; models that they trained answer\n" +
    "images. Everything is kept in one folder, and goes on after a stop, a kill or a power cut. See docs/serve.md.",
  flags,
  examples: [
    "deno task serve --data-root /data --jobs 2",
    "deno task serve --add-token ci",
  ],
  run,
};

if (import.meta.main) await main(serveCommand);
