/**
 * Runs a command under a limit of memory, and prints what came of it as JSON; with `-A`, as it makes a control group or sets a
 * limit of the process: `limited.ts '{"limit": "control group", "bytes": 4e8, "command": ["deno", …], "env": {}}'`.
 *
 * @module
 */

/** What is to be run, and under what. */
export interface Limited {
  readonly limit: "control group" | "data segment";
  readonly bytes: number;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What came of it. */
export interface Ran {
  readonly code: number;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
  /** The most bytes that the group has used; null for another limit. */
  readonly peak: number | null;
}

/** Why a limit cannot be set here. */
export interface Unable {
  readonly unable: string;
}

/** A control group of its own, of the version that this machine has. */
function makeGroup(bytes: number): { folder: string; peak(): number } {
  const name = `libtrain-test-${Deno.pid}`;
  const [first, second] = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
  const isFirst = exists(`${first}/memory.limit_in_bytes`);
  const folder = `${isFirst ? first : second}/${name}`;
  Deno.mkdirSync(folder);
  try {
    Deno.writeTextFileSync(`${folder}/${isFirst ? "memory.limit_in_bytes" : "memory.max"}`, `${bytes}`);
    if (!isFirst) Deno.writeTextFileSync(`${folder}/memory.swap.max`, "0");
  } catch (error) {
    Deno.removeSync(folder);
    throw error;
  }
  const peak = (): number =>
    Number(Deno.readTextFileSync(`${folder}/${isFirst ? "memory.max_usage_in_bytes" : "memory.peak"}`));
  return { folder, peak };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** The whole of it. */
export async function runLimited({ limit, bytes, command, env = {} }: Limited): Promise<Ran | Unable> {
  let group: ReturnType<typeof makeGroup> | undefined;
  try {
    if (limit === "control group") group = makeGroup(bytes);
  } catch (error) {
    return { unable: `no control group can be made (${error instanceof Error ? error.message : error})` };
  }
  const set = group === undefined ? `ulimit -d ${Math.floor(bytes / 1024)}` : `echo $$ > ${group.folder}/cgroup.procs`;
  try {
    const child = new Deno.Command("sh", { args: ["-c", `${set} && exec "$@"`, "sh", ...command], env });
    const { code, signal, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    const [out, err] = [decoder.decode(stdout), decoder.decode(stderr)];
    return { code, signal, out, err, peak: group?.peak() ?? null };
  } finally {
    if (group !== undefined) await removed(group.folder);
  }
}

/** A group can be removed once the system has noticed that its processes are gone. */
async function removed(folder: string): Promise<void> {
  for (let left = 100; left > 0; left--) {
    try {
      return Deno.removeSync(folder);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

if (import.meta.main) console.log(JSON.stringify(await runLimited(JSON.parse(Deno.args[0]!) as Limited)));
