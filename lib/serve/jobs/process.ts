/** The process of a job: one of this server's, or one that a server before it has started. */
import { type ChildProcess, spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";

/** A program with its arguments. */
export type CommandLine = readonly [program: string, ...args: string[]];

/** How a process ended. */
export interface ProcessEnd {
  /** Its exit status; undefined where it was killed, or is no child of this process. */
  readonly code: number | undefined;
  /** The signal that killed it; undefined where none did, or it is no child of this process. */
  readonly signal: string | undefined;
}

/** A process that runs. */
export interface JobProcess {
  /** Its number; undefined where that is not known. */
  readonly pid: number | undefined;
  /** Resolves once it has ended. */
  readonly ended: Promise<ProcessEnd>;
  /** Sends it a signal; one that has ended gets none. */
  kill(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** Sends a process a signal by its number. */
export type Kill = (pid: number, signal: "SIGTERM" | "SIGKILL") => Promise<void>;

/** What a child is started with. */
export interface StartOptions {
  /** The folder that it works in. */
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The file that what it says is appended to. */
  readonly log: string;
  /** Sends it a signal by its number, where its handle does not. */
  readonly kill: Kill;
}

/**
 * Starts a process that outlives this one. What it says goes straight to a file, so that no pipe breaks when this process is
 * killed, and the signals of a terminal do not reach it. Rejects where it cannot be started.
 */
export async function startProcess([program, ...args]: CommandLine, options: StartOptions): Promise<JobProcess> {
  const { cwd, env, log, kill } = options;
  const file = await open(log, "a", 0o600);
  let child: ChildProcess;
  try {
    child = spawn(program, args, { cwd, env: { ...env }, detached: true, stdio: ["ignore", "ignore", file.fd] });
  } finally {
    await file.close();
  }
  const { promise, resolve } = Promise.withResolvers<ProcessEnd | Error>();
  child.once("error", resolve);
  let over = false;
  child.once("exit", (code, signal) => {
    over = true;
    resolve({ code: code ?? undefined, signal: signal ?? undefined });
  });
  if (child.pid === undefined) throw await promise;
  return {
    pid: child.pid,
    ended: promise.then((end) => end instanceof Error ? { code: 1, signal: undefined } : end),
    kill: async (signal) => {
      if (over) return;
      // A handle of Deno's node:child_process sends one signal, and takes the process for gone then.
      if (child.killed) await kill(child.pid!, signal);
      else child.kill(signal);
    },
  };
}

/** Who has a job's folder: the process that runs it. */
export interface Holder {
  /** Its number; undefined where the lock does not tell. */
  readonly pid: number | undefined;
}

/** Who has the lock of a job's folder; undefined where nobody has. */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(join(folder, "job.lock"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  using opened = file;
  // Shared, as others may ask at the same time; a process that takes the lock tries several times.
  if (await opened.tryLock(false)) return undefined;
  const buffer = new Uint8Array(32);
  const text = new TextDecoder().decode(buffer.subarray(0, await opened.read(buffer) ?? 0)).trim();
  return { pid: /^\d+$/.test(text) ? Number(text) : undefined };
}

/** How often a process that is no child is looked after, ms. */
const attachedPoll = 250;

/** A process that has the lock of a job's folder and is no child of this one, which may lack the right to send it signals. */
export function attachProcess(folder: string, kill: Kill): JobProcess {
  let pid: number | undefined;
  const look = async (): Promise<ProcessEnd> => {
    while (true) {
      try {
        const holder = await holderOf(folder);
        if (holder === undefined) return { code: undefined, signal: undefined };
        pid = holder.pid;
      } catch {
        // What cannot be looked at now, say as too many files are open, may be the next time.
      }
      await new Promise((resolve) => setTimeout(resolve, attachedPoll));
    }
  };
  return {
    get pid(): number | undefined {
      return pid;
    },
    ended: look(),
    kill: async (signal) => {
      const holder = await holderOf(folder);
      if (holder?.pid !== undefined) await kill(holder.pid, signal);
    },
  };
}

/** What sends the signal: a process of Deno's may send none to another that it did not start, unless it may run anything. */
const killing = `
const [pid, signal, folder] = Deno.args;
let line = folder;
try { line = Deno.readTextFileSync("/proc/" + pid + "/cmdline"); } catch { /* Not every system has it. */ }
if (line.includes(folder)) try { Deno.kill(Number(pid), signal); } catch { /* It has ended. */ }
`;

/**
 * Sends a signal through a Deno of its own, to a process that works in a folder: the number may be another program's by now,
 * which the command line tells on Linux.
 */
export function killIn(folder: string): Kill {
  return async (pid, signal) => {
    const args = ["eval", "-q", "--no-config", killing, `${pid}`, signal, folder];
    await new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "null", stderr: "null" }).output();
  };
}
