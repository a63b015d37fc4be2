/** What the parts of the check have in common. */
import { messageOf } from "../../lib/cli/command.ts";
import { Device, deviceInfo } from "../../mod.ts";

/** Where and how a part runs. */
export interface PartContext {
  readonly device: "cpu" | "cuda";
  /** A narrow network, small images and few of them: a rehearsal. */
  readonly small: boolean;
  /** The archive of the data set; null where none was named. */
  readonly data: string | null;
  /** The Python that has PyTorch; null leaves PyTorch out. */
  readonly python: string | null;
  /** What the part step measures, as its own names; null for all. */
  readonly configs: readonly string[] | null;
  /** Ops that the part parity compares; null for all. */
  readonly ops: readonly string[] | null;
  /** Dtypes that are checked and measured; null for all. */
  readonly dtypes: readonly string[] | null;
  /** PyTorch's ways to run a step. */
  readonly modes: readonly string[];
  /** When the part should be over, by performance.now(). */
  readonly deadline: number;
  /** One line for whoever watches. */
  note(line: string): void;
}

/** One thing that was checked. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what was wrong. */
  readonly detail: string;
}

/** What was checked so far. */
export class Checks {
  readonly all: Check[] = [];
  /** What could not be done, and why. */
  readonly skipped: string[] = [];
  readonly #note: (line: string) => void;

  constructor(note: (line: string) => void) {
    this.#note = note;
  }

  /** Notes that something is right or wrong. */
  that(name: string, ok: boolean, detail: string): void {
    this.all.push({ name, ok, detail });
    if (!ok) this.#note(`FAILED  ${name}: ${detail}`);
  }

  /** Right unless it throws. */
  async run(name: string, body: () => Promise<string | void> | string | void): Promise<void> {
    try {
      this.that(name, true, await body() ?? "");
    } catch (error) {
      this.that(name, false, messageOf(error));
    }
  }

  /** Says loudly that something was left out. */
  skip(name: string, reason: string): void {
    this.skipped.push(`${name}: ${reason}`);
    this.#note(`SKIPPED ${name}: ${reason}`);
  }

  /** How many were wrong. */
  get failed(): number {
    return this.all.filter(({ ok }) => !ok).length;
  }
}

/** A part: checks and measures, and gives what it has found beside the checks. */
export type Part = (context: PartContext, checks: Checks) => Promise<Record<string, unknown>>;

/** The lines of the plans of all devices of this process that were disposed of: what computed which shape. */
const planLines = new Set<string>();

/** A device that leaves its plan behind. */
class PlannedDevice extends Device {
  override dispose(): void {
    for (const line of this.plan().split("\n")) if (line !== "") planLines.add(line);
    super.dispose();
  }
}

/** The device of a part. */
export function openDevice({ device }: PartContext, options: { tf32?: boolean } = {}): Device {
  return new PlannedDevice(device, options);
}

/** What was chosen for each shape in this process, and why cuDNN computes nothing of some. */
export function plans(): { readonly plan: readonly string[]; readonly byPlainKernels: readonly string[] } {
  const plan = [...planLines].sort();
  return { plan, byPlainKernels: plan.filter((line) => line.endsWith("= direct") || line.startsWith("#")) };
}

/** Whether less than so many seconds are left: what is not written by the deadline is lost. */
export function isLate({ deadline }: Pick<PartContext, "deadline">, seconds: number): boolean {
  return performance.now() > deadline - 1000 * seconds;
}

/** Seconds that a dtype's checks of the entry's step may take. */
export const DTYPE_SECONDS = 25;

/** Whether a dtype is among those asked for. */
export function wanted({ dtypes }: Pick<PartContext, "dtypes">, dtype: string): boolean {
  return dtypes?.includes(dtype) ?? true;
}

/** Whether the GPU is the tests' stand-in: what it says of speed means nothing. */
export function isEmulated({ device }: Pick<PartContext, "device">): boolean {
  return device === "cuda" && deviceInfo().cuda.gpus.some(({ name }) => name.includes("emulated"));
}

/** A number with so many digits that count. */
export function rounded(value: number, digits = 4): number {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : value;
}
