/** What a piece of work costs this process: memory beyond what it had, and processor time, both from /proc. */

/** What was measured. */
export interface Cost {
  /** MiB of resident memory at the most, beyond what there was before. */
  readonly mib: number;
  /** Seconds of processor, the system's time included, of all threads. */
  readonly seconds: number;
}

/** Clock ticks a second in /proc: what the kernel has told programs for decades. */
const TICKS = 100;

function resident(field: "VmRSS" | "VmHWM"): number {
  const line = Deno.readTextFileSync("/proc/self/status").split("\n").find((each) => each.startsWith(field));
  return Number(/\d+/.exec(line ?? "")?.[0]) / 1024;
}

function processorTime(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // After the name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Whether this system can be asked: the peak of the memory is forgotten by a write. */
export function canMeasure(): boolean {
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch {
    return false;
  }
}

/** Runs a piece of work, and measures it; what it throws is part of the answer. */
export async function measured<Result>(
  work: () => Promise<Result>,
): Promise<{ cost: Cost; result?: Result; error?: unknown }> {
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  const [mib, seconds] = [resident("VmRSS"), processorTime()];
  let outcome: { result?: Result; error?: unknown };
  try {
    outcome = { result: await work() };
  } catch (error) {
    outcome = { error };
  }
  return { ...outcome, cost: { mib: resident("VmHWM") - mib, seconds: processorTime() - seconds } };
}
