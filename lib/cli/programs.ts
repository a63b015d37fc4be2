/** This repository's tasks as programs of their own, for a server that starts them. */
import { variable } from "./paths.ts";

/** Variables by which a program finds its files and its devices. */
const passed = [
  ...["HOME", "PATH", "DENO_DIR", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES"],
  ...["LIBTRAIN_LIBRARY", "LIBTRAIN_ISA", "LIBTRAIN_KERNEL_CACHE", "LIBTRAIN_NVRTC_DIR", "LIBTRAIN_CUDA_CONV"],
];

/** A task's command line with its own permissions; it may write below `folder` too, where its set does not let it. */
export function taskCommand(task: string, folder: string, args: readonly string[]): [program: string, ...string[]] {
  const write = Deno.permissions.querySync({ name: "write", path: folder }).state === "granted" && !isUsual(folder)
    ? [`--allow-write=${folder},runs,.cache`]
    : [];
  return [Deno.execPath(), "run", "-q", "--no-prompt", `-P=${task}`, ...write, "tasks/main.ts", task, ...args];
}

/** Whether every task may write there. */
function isUsual(folder: string): boolean {
  const below = folder.startsWith(`${Deno.cwd()}/`) ? folder.slice(Deno.cwd().length + 1) : folder;
  return /^(runs|\.cache)(\/|$)/.test(below);
}

/** What of the environment a task gets. */
export function taskEnvironment(): Record<string, string> {
  // Deno lets only a process that may run anything pass it on.
  const libraries = Deno.permissions.querySync({ name: "run" }).state === "granted" ? ["LD_LIBRARY_PATH"] : [];
  return Object.fromEntries(
    [...passed, ...libraries].flatMap((name) => {
      const value = variable(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
