/** examples/slurm/job.sbatch, with a stand-in for Slurm's commands. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { eventsIn } from "../support/job_process.ts";
import { shell, type ShellRun, withoutShell } from "../support/shell.ts";
import { type TempFolder, tempFolder } from "../temp_folder.ts";
import { skip } from "../skip.ts";

const script = "examples/slurm/job.sbatch";

Deno.test("slurm: the script asks for what the job needs: a signal ahead of the limit, to this shell, and to be started again", () => {
  const text = Deno.readTextFileSync(script);
  const options = [...text.matchAll(/^#SBATCH (\S+)$/gm)].map(([, option = ""]) => option);
  for (const wanted of ["--signal=B:TERM@120", "--requeue", "--open-mode=append"]) {
    assert(options.includes(wanted), wanted);
  }
  assert(options.some((option) => option.startsWith("--time=")));
  // Options below the first command would not count.
  const lines = text.split("\n");
  const command = lines.findIndex((line) => line !== "" && !line.startsWith("#"));
  assert(lines.findLastIndex((line) => line.startsWith("#SBATCH")) < command);
  assertEquals(/^[^#]*\bnpx\b/m.test(text), false);
});

/** Runs the script as Slurm would, with a `scontrol` that writes down what it is asked. */
async function batch(
  folder: TempFolder,
  spec: string,
  { term }: { term?: string } = {},
): Promise<ShellRun & { asked: string }> {
  const bin = join(folder.path, "bin");
  const asked = join(folder.path, "asked");
  await Deno.mkdir(bin, { recursive: true });
  await Deno.writeTextFile(join(bin, "scontrol"), `#!/bin/sh\necho "$*" >> ${asked}\n`, { mode: 0o755 });
  await Deno.writeTextFile(asked, "");
  // The signal comes once the job has told what is waited for, to the script alone.
  const wait = term === undefined
    ? ""
    : `while ! grep -q '"type":"${term}"' "$3" 2> /dev/null; do sleep 0.05; done; kill -TERM $batch; `;
  const run = await shell(`PATH="$1:$PATH"; bash ${script} "$2" & batch=$!; ${wait}wait $batch`, [
    bin,
    spec,
    join(folder.path, "digits", "events.ndjson"),
  ], { DENO: Deno.execPath(), SLURM_JOB_ID: "17", SLURM_CPUS_PER_TASK: "1" });
  return { ...run, asked: await Deno.readTextFile(asked) };
}

const runs =
  "slurm: SIGTERM ahead of the limit saves and starts the job again, until it is done; what is wrong is not started again";

Deno.test(runs, async () => {
  const unable = withoutShell();
  if (unable !== undefined) return skip(runs, unable);
  if ((await shell("command -v bash")).code !== 0) return skip(runs, "bash is not on PATH");
  using folder = tempFolder();
  const output = join(folder.path, "digits");
  const recipe = { epochs: 6, bs: 32, data: { limit: 512 } };
  const write = async (more: Record<string, unknown> = {}): Promise<string> => {
    const path = join(folder.path, "digits.json");
    await Deno.writeTextFile(path, JSON.stringify({ name: "digits", preset: "mnist", recipe, output, ...more }));
    return path;
  };
  const stopped = await batch(folder, await write(), { term: "saved" });
  assertEquals([stopped.code, stopped.asked], [143, "requeue 17\n"], stopped.err);
  assertEquals(eventsIn(output).at(-1)!.type, "stopped");
  const deadline = await batch(folder, await write({ deadline: 0.3 }));
  assertEquals([deadline.code, deadline.asked], [75, "requeue 17\n"], deadline.err);
  const done = await batch(folder, await write());
  assertEquals([done.code, done.asked], [0, ""], done.err);
  assertEquals(eventsIn(output).flatMap((event) => event.type === "prepared" ? event.threads : []).at(-1), 1);
  assertEquals(done.out.trimEnd().split("\n").length, eventsIn(output).filter(({ attempt }) => attempt === 3).length);
  const again = await batch(folder, await write());
  assertEquals([again.code, again.asked, again.out], [0, "", ""]);
  const wrong = await batch(folder, await write({ recipe: { ...recipe, epochs: 7 } }));
  assertEquals([wrong.code, wrong.asked], [2, ""]);
  assertStringIncludes(wrong.err, "was started with recipe.epochs 6, now 7");
  assertMatch((await shell(`bash ${script}`)).err, /Expected a specification: sbatch/);
});
