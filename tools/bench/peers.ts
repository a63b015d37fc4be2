/** `deno task bench peers`: the Python environment of what the benchmarks compare with. */
import type { Command } from "../../lib/cli/command.ts";
import { exitCodes } from "../../lib/cli/exit_codes.ts";
import { peerFolder, peerPython, root, starts } from "./starts.ts";

const requirements = "benchmarks/peer/requirements.txt";

/** Runs a program whose words are for the person; throws where it fails. */
async function ran(program: string, args: string[], signal: AbortSignal): Promise<void> {
  const child = new Deno.Command(program, {
    args,
    cwd: root,
    signal,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  const { code } = await child.spawn().status;
  if (code !== 0) throw new Error(`${program} ${args.slice(0, 3).join(" ")} ended with ${code}`);
}

/** The command line of `deno task bench peers`. */
export const peersCommand: Command<Record<never, never>> = {
  name: "deno task bench peers",
  about:
    `Makes the Python environment of the benchmarks' peers in ${peerFolder}, from ${requirements}, as pip is set up here.`,
  flags: {},
  async run({ report, signal }): Promise<number> {
    report.note(`python3 -m venv ${peerFolder}`);
    await ran("python3", ["-m", "venv", `${root}${peerFolder}`], signal);
    report.note(`pip install -r ${requirements}: some gigabytes where the index has no PyTorch without CUDA`);
    const install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", `${root}${requirements}`];
    await ran(`${root}${peerPython}`, install, signal);
    await using peer = await starts.peer("torch_ops.py", { signal });
    report.line(Object.entries(peer.facts).map(([name, version]) => `${name} ${version}`).join(", "));
    report.result({ folder: peerFolder, ...peer.facts });
    return exitCodes.done;
  },
};
