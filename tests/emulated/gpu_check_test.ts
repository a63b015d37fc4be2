/** The whole way of `tools/gpu_check`, from the pack to its JSON, in a bare copy of the repository on the emulated GPU. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { refusalOf } from "../../tools/gpu_check/result.ts";
import { long } from "../long.ts";
import { tempFolder } from "../temp_folder.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** What travels with every call: the files that git keeps, as far as the check reads them. */
const SOURCES = ["deno.json", "deno.lock", "mod.ts", "lib", "tasks", "tools", "tests", "types", "benchmarks"];

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a shell line in an environment of nothing but what is named. */
async function bash(line: string, cwd: string, environment: Record<string, string> = {}): Promise<Ended> {
  const given = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const args = ["-i", "PATH=/usr/bin:/bin", ...given, "bash", "-c", line];
  // Deno hands its own loader path on only where it may run everything; `env` sets it instead.
  const command = new Deno.Command("env", { args, cwd, clearEnv: true, stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function succeeds(line: string, cwd: string, environment?: Record<string, string>): Promise<Ended> {
  const ended = await bash(line, cwd, environment);
  assertEquals(ended.code, 0, `${line}\n${ended.err}`);
  return ended;
}

/** A part's file. */
interface PartFile {
  readonly part: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly checks: readonly { name: string; ok: boolean; detail: string }[];
  readonly machine: { device: string; emulated: boolean };
  readonly [name: string]: unknown;
}

function readPart(folder: string, name: string): PartFile {
  return JSON.parse(Deno.readTextFileSync(join(folder, `${name}.json`)));
}

const NAME = "gpu_check: packed, carried in parts and run where nothing else is, it writes a whole JSON file a part";

long(NAME, "the rehearsal of a whole check", async () => {
  using folder = tempFolder();
  const [bare, packed, out] = ["bare", "packed", "out"].map((name) => join(folder.path, name));
  await succeeds(`mkdir -p ${bare} && tar -cf - ${SOURCES.join(" ")} | tar -xf - -C ${bare}`, root);
  // Two parts of a data set that nobody reads: enough to see that they are put together.
  const data = join(folder.path, "set.tgz");
  await succeeds(`head -c 46000000 /dev/zero >${data}`, root);
  const deno = Deno.execPath();
  const pack =
    `${deno} run -q --no-prompt -P=gpu:pack tools/gpu_pack.ts --json --effort 2 --out ${packed} --data ${data}`;
  const { parts, calls } = JSON.parse((await succeeds(pack, root, { HOME: folder.path })).out);
  assertEquals([parts.length, parts[1], parts[2]], [3, 45e6, 1e6]);
  assert(parts.every((bytes: number) => bytes <= 45e6), `${parts}`);
  assert(calls.every(({ command }: { command: string }) => command.length < 2000));
  assertEquals(
    calls.map(({ carry }: { carry: string[] }) => carry.join()),
    [1, 2, 3].map((n) => `.cache/gpu/part${n}`),
  );

  const emulated = Deno.env.get("LIBTRAIN_EMULATED")!;
  const environment = {
    HOME: bare!,
    GPU_PACK: packed!,
    LD_LIBRARY_PATH: emulated,
    LIBTRAIN_NVRTC_DIR: "",
    LIBTRAIN_KERNEL_CACHE: "",
  };
  const check = (args: string): Promise<Ended> =>
    bash(`bash tools/gpu_check.sh --small --no-torch --out ${out} ${args}`, bare!, environment);
  const names = ["kernels", "recipe"];
  const { code, err, out: said } = await check(`--part ${names.join(",")} --limit 600`);
  assertEquals(code, 0, err);
  assertMatch(said, /^\d+ passed, 0 failed, \d+ skipped\n$/);
  for (const name of names) {
    const { part, passed, failed, checks, machine, ...rest } = readPart(out!, name);
    assertEquals([part, failed, passed > 0, checks.length], [name, 0, true, passed]);
    assertEquals([machine.emulated, machine.device.includes("emulated")], [true, true]);
    assertEquals(refusalOf({ part, machine, ...rest }), `${name} was made on the emulated driver`);
  }
  const { bf16 } = readPart(out!, "kernels") as unknown as { bf16: { rows: { op: string; ms: number }[] } };
  assert(["conv2d", "matmul", "ranger_step"].every((op) => bf16.rows.some((row) => row.op === op)));
  // The data set was put together of its parts, and its sum is right.
  assertEquals(Deno.statSync(join(packed!, "set.tgz")).size, 46e6);

  const late = await check("--part capture,recipe --limit 5");
  assertEquals(late.code, 1, late.err);
  for (const name of ["capture", "recipe"]) {
    const { failed, checks } = readPart(out!, name);
    assertEquals([failed, checks.at(-1)?.name], [1, "the part went through"]);
  }
  assertMatch(late.out, /^0 passed, 2 failed, 0 skipped: capture, recipe\n$/);
});
