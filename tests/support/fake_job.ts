/**
 * A job's process without a training: it obeys docs/jobs.md (lock, events, exit status), is over in a moment, and can misbehave
 * as real ones do. Run as `fake_job.ts SPEC.json`; the job's name says what it does: `KIND-STEPS-ANYTHING`.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Milliseconds of a step. */
const stepTime = 10;

/** Milliseconds of the step that a slow one has under way when it is told to stop. */
const slowStep = 2000;

interface Saved {
  step: number;
  /** Stands for the weights: it depends on each step. */
  bits: string;
}

const spec = JSON.parse(Deno.readTextFileSync(Deno.args[0]!)) as { name: string; output: string };
const [kind = "", steps = "1"] = spec.name.split("-");
const path = (name: string): string => `${spec.output}/${name}`;

const lock = await Deno.open(path("job.lock"), { read: true, write: true, create: true });
let tries = 5;
while (!await lock.tryLock(true)) {
  if (--tries === 0) {
    console.error(`error: Cannot run the job in "${spec.output}": another process runs it`);
    Deno.exit(75);
  }
  await new Promise((resolve) => setTimeout(resolve, 40));
}
lock.truncateSync();
lock.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));

function textOf(name: string): string {
  try {
    return Deno.readTextFileSync(path(name));
  } catch {
    return "";
  }
}

const before = textOf("events.ndjson");
const whole = before.slice(0, before.lastIndexOf("\n") + 1);
if (whole !== before) Deno.writeTextFileSync(path("events.ndjson"), whole);
let n = whole.split("\n").length - 1;
const lastType = n === 0 ? "" : JSON.parse(whole.trimEnd().split("\n").at(-1)!).type;
if (lastType === "done") Deno.exit(0);

const events = await Deno.open(path("events.ndjson"), { append: true, create: true });
function tell(type: string, more: Record<string, unknown> = {}): void {
  const event = { n: ++n, time: new Date().toISOString(), job: spec.name, type, ...more };
  events.writeSync(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
  events.syncSync();
}

const saved = JSON.parse(textOf("saved.json") || '{"step": 0, "bits": ""}') as Saved;
function save(): void {
  Deno.writeTextFileSync(path("saved.json.partial"), JSON.stringify(saved));
  Deno.renameSync(path("saved.json.partial"), path("saved.json"));
  tell("saved", { step: saved.step });
}

let stopping = false;
Deno.addSignalListener("SIGTERM", () => {
  if (kind === "deaf") return;
  // As of `deno task job`, a second one ends it with nothing saved.
  if (stopping) Deno.exit(143);
  stopping = true;
});
console.error(`threads ${Deno.env.get("LIBTRAIN_THREADS")} memory ${Deno.env.get("LIBTRAIN_MEMORY")}`);
if (kind === "wrong") {
  console.error("error: Expected a job as an object, got a fish");
  Deno.exit(2);
}
tell("started", { pid: Deno.pid, code: { commit: null, dirty: null }, attempt: 1 });
if (kind === "torn") events.writeSync(new TextEncoder().encode('{"n": 17, "type": "epo'));
if (kind === "crash" || kind === "torn") Deno.kill(Deno.pid, "SIGKILL");
if (kind === "lost") {
  tell("lost", { error: { name: "DeviceError", message: "gone" } });
  Deno.exit(70);
}
if (kind === "deadline" && n < 4) {
  save();
  tell("stopped", { why: "deadline" });
  Deno.exit(75);
}
if (kind === "fails") {
  tell("failed", { error: { name: "StateError", message: "The loss is not finite" }, specification: false });
  Deno.exit(1);
}
while (saved.step < Number(steps)) {
  await new Promise((resolve) => setTimeout(resolve, stepTime));
  saved.step++;
  saved.bits = createHash("sha256").update(`${saved.bits}${saved.step}`).digest("hex");
  tell("progress", {
    step: saved.step,
    steps: Number(steps),
    loss: 1 / saved.step,
    imagesPerSecond: 100,
    secondsLeft: 1,
  });
  if (saved.step % 10 === 0) {
    tell("epoch", { epoch: saved.step / 10, loss: 1 / saved.step });
    save();
    // A crash now and then, after something was saved.
    if (kind === "shaky") Deno.kill(Deno.pid, "SIGKILL");
  }
  if (stopping) {
    if (kind === "slow") await new Promise((resolve) => setTimeout(resolve, slowStep));
    save();
    tell("stopped", { why: "signal" });
    Deno.exit(143);
  }
}
save();
tell("done", { run: "run", result: { bits: saved.bits, steps: saved.step } });
Deno.exit(0);
