/** The Dockerfile, as far as it can be checked without anything that runs containers. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { copiesOf, dockerfile } from "../support/dockerfile.ts";
import { eventsIn } from "../support/job_process.ts";
import { shell, withoutShell } from "../support/shell.ts";
import { fingerprint } from "../lib/train/tiny.ts";
import { loadCheckpoint } from "../../mod.ts";
import { type TempFolder, tempFolder } from "../temp_folder.ts";
import { skip } from "../skip.ts";

/** Copies of files of the repository, those of other stages left out. */
function ownCopies(): { sources: readonly string[]; target: string; stage: string | undefined }[] {
  return dockerfile().stages.flatMap((stage) =>
    copiesOf(stage).filter((copy) => copy.stage === undefined).map(({ sources, target }) => ({
      sources,
      target,
      stage: stage.name,
    }))
  );
}

Deno.test("container: every path that is copied is there and reaches the builder, and every stage is one that is named", () => {
  const { stages } = dockerfile();
  const names = stages.map(({ name }) => name);
  const sources = ownCopies().flatMap(({ sources }) => sources);
  assert(sources.length > 10);
  for (const source of sources) Deno.statSync(source);
  // All but what is named is kept from the builder.
  const [first, ...passed] = Deno.readTextFileSync(".dockerignore").split("\n").filter((line) => /^[^#]/.test(line));
  assertEquals(first, "*");
  assertEquals(passed.sort(), [...new Set(sources)].map((source) => `!${source}`).sort());
  const other = stages.flatMap((stage, at) =>
    copiesOf(stage).flatMap(({ stage }) => stage === undefined ? [] : [[stage, at] as const])
  );
  for (const [stage, at] of other) assert(names.indexOf(stage) >= 0 && names.indexOf(stage) < at, stage);
});

Deno.test("container: Rust and Deno are of the versions that the repository asks for", () => {
  const { stages, arguments: given } = dockerfile();
  const rust = /rust-version = "([\d.]+)"/.exec(Deno.readTextFileSync("core-rs/Cargo.toml"))![1];
  assertMatch(stages.find(({ name }) => name === "library")!.from, new RegExp(`^rust:${rust}-`));
  const deno = /deno@([\d.]+)/.exec(Deno.readTextFileSync(".ci/run"))![1];
  assertEquals(given["DENO"], `denoland/deno:bin-${deno}`);
});

Deno.test("container: runs as a user that is not root, without a shell or a launcher, and is asked for its health by doctor", () => {
  const { final: { user, folder, volumes, entrypoint, command, healthcheck } } = dockerfile();
  // A number: Kubernetes cannot tell whether a name is root's.
  assertMatch(user, /^[1-9]\d*:[1-9]\d*$/);
  assertEquals(volumes, [join(folder, "runs"), join(folder, ".cache")]);
  assertEquals([entrypoint[0], entrypoint.slice(-2)], ["deno", ["tasks/main.ts", "job"]]);
  assert(entrypoint.includes("-P=job"));
  assertEquals(command, ["/job/job.json"]);
  assertEquals(healthcheck.slice(-3), ["tasks/main.ts", "doctor", "--json"]);
  assert(healthcheck.includes("-P=doctor"));
  assertEquals(/\bnpx\b/.test(Deno.readTextFileSync("Dockerfile")), false);
});

const crate = "container: what is copied for the library is a whole crate, by its lock file";

Deno.test(crate, async () => {
  using folder = tempFolder();
  const unable = withoutShell();
  if (unable !== undefined) return skip(crate, unable);
  for (const { sources } of ownCopies().filter(({ stage }) => stage === "library")) {
    const { code, err } = await shell('cp -r "$@"', [...sources, folder.path]);
    assertEquals(code, 0, err);
  }
  const manifest = join(folder.path, "Cargo.toml");
  const { code, stderr } = await new Deno.Command("cargo", {
    args: ["metadata", "--locked", "--no-deps", "--format-version", "1", "--manifest-path", manifest],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});

/** The image's folder, made of the repository as the Dockerfile says, with what belongs to it beside it. */
async function image(folder: TempFolder): Promise<{ mounted: (words: readonly string[]) => string[]; runs: string }> {
  const app = join(folder.path, "app");
  const runs = join(folder.path, "runs");
  for (
    const name of [
      "app/target/release",
      "app/runs",
      "app/.cache",
      "app/node_modules",
      "runs",
      "cache",
      "deno-dir",
      "bin",
    ]
  ) {
    await Deno.mkdir(join(folder.path, name), { recursive: true });
  }
  const sources = ownCopies().filter(({ stage }) => stage === "packages").flatMap(({ sources }) => sources);
  const library = copiesOf(dockerfile().stages.at(-1)!).find(({ stage }) => stage === "library")!;
  const made = await shell(
    `set -e; folder=$1; deno=$2; shift 2; cp -a "$@" "$folder/app"
     cp target/release/liblibtrain.so "$folder/app/${library.target.replace("/app/", "")}"
     cp "$deno" "$folder/bin/deno"; chown -R 10001:10001 "$folder/runs" "$folder/cache"; chmod 755 "$folder"`,
    [folder.path, Deno.execPath(), ...sources],
  );
  assertEquals(made.code, 0, made.err);
  const { final: { user, environment } } = dockerfile();
  const [uid, gid] = user.split(":");
  const env = Object.entries(environment).map(([name, value]) =>
    `${name}=${value.replace("/deno-dir", join(folder.path, "deno-dir"))}`
  );
  // Everything can only be read but the volumes, as with --read-only; the command is the first process of its own tree.
  const mount = `set -e; mount --make-rprivate /; folder=$1; shift
    mount --bind "$folder" "$folder"; mount -o remount,ro,bind "$folder"
    mount --bind node_modules "$folder/app/node_modules"; mount -o remount,ro,bind "$folder/app/node_modules"
    mount --bind "$folder/runs" "$folder/app/runs"; mount -o remount,rw,bind "$folder/app/runs"
    mount --bind "$folder/cache" "$folder/app/.cache"; mount -o remount,rw,bind "$folder/app/.cache"
    cd "$folder/app"; export PATH="$folder/bin:$PATH"
    exec setpriv --reuid ${uid} --regid ${gid} --clear-groups --no-new-privs env -u HOME ${env.join(" ")} "$@"`;
  const mounted = (words: readonly string[]): string[] => [
    ...["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", mount, "sh", folder.path],
    ...words,
  ];
  assertEquals(app, join(folder.path, dockerfile().final.folder.slice(1)));
  return { mounted, runs };
}

const first =
  "container: as the first process of a tree, not root, all but the volumes read-only: SIGTERM saves, and it goes on to the same bits";

Deno.test(first, async () => {
  const unable = withoutShell();
  if (unable !== undefined) return skip(first, unable);
  const allowed =
    "unshare --mount --pid --fork --mount-proc sh -c 'mount --make-rprivate / && setpriv --reuid 10001 true'";
  const tried = await shell(allowed);
  if (tried.code !== 0) return skip(first, `no namespaces can be made here: ${tried.err.trim()}`);
  using folder = tempFolder();
  const { mounted, runs } = await image(folder);
  const { final: { entrypoint, healthcheck } } = dockerfile();
  const spec = (name: string): string => {
    const path = join(folder.path, `${name}.json`);
    const recipe = { epochs: 6, bs: 32, data: { limit: 512 }, threads: 1 };
    Deno.writeTextFileSync(path, JSON.stringify({ name, preset: "mnist", recipe, artefacts: ["model"] }));
    return path;
  };
  const run = '"$@"; exit $?';
  const healthy = await shell(run, mounted(healthcheck));
  assertEquals(healthy.code, 0, healthy.err);
  assertEquals(JSON.parse(healthy.out).healthy, true);

  const output = join(runs, "digits");
  // From outside of the tree, as a container's runtime sends it, once an epoch is over.
  const term = `"$@" & outer=$!
    while ! grep -q '"type":"epoch"' "${output}/events.ndjson" 2> /dev/null; do sleep 0.02; done
    kill -TERM $(cat /proc/$outer/task/$outer/children); wait $outer`;
  const words = mounted([...entrypoint, spec("digits")]);
  const stopped = await shell(term, words);
  assertEquals(stopped.code, 143, stopped.err);
  assertStringIncludes(stopped.err, "SIGTERM: saving and stopping after this step");
  const events = eventsIn(output);
  assertEquals([events[0]!.type === "started" && events[0]!.pid, events.at(-1)!.type], [1, "stopped"]);

  const done = await shell(run, words);
  assertEquals(done.code, 0, done.err);
  const whole = await shell(run, mounted([...entrypoint, spec("whole")]));
  assertEquals(whole.code, 0, whole.err);
  const state = async (name: string): Promise<string> =>
    fingerprint((await loadCheckpoint(join(runs, name, "run", "checkpoint", "state.safetensors"))).state);
  assertEquals(await state("digits"), await state("whole"));
  assertEquals((await Deno.stat(join(output, "model.safetensors"))).uid, 10001);
});
