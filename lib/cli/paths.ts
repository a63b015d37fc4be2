/** Paths as a person types them: relative to where they stand, which need not be where a task runs. */
import { isAbsolute, join, relative } from "@std/path";

/** Reads a variable where that is allowed: asking would prompt on a terminal. */
export function variable(name: string): string | undefined {
  const granted = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  return granted ? Deno.env.get(name) || undefined : undefined;
}

/** Where the caller of `deno task` stands; the working folder where nothing says so, or where that is the same one. */
function standingPlace(work: string): string {
  const stand = variable("INIT_CWD");
  if (stand === undefined) return work;
  try {
    return Deno.realPathSync(stand) === Deno.realPathSync(work) ? work : stand;
  } catch {
    // It is there no more, or may not be read.
    return work;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** A path where it stands alone or begins a longer one, not as a part of another name. */
function occurrences(path: string): RegExp {
  return new RegExp(`(?<![\\w/.-])${escaped(path)}(?![\\w-]|\\.\\w)`, "g");
}

/**
 * Turns what is typed into what the library takes, and what the library says back into what was typed. Where somebody
 * stands in the working folder, as with a bare `deno run`, both are the same.
 */
export class Paths {
  /** Where the process works: the project's folder, in a task. */
  readonly work: string;
  /** Where the person stands. */
  readonly stand: string;
  /** The command line, as it was typed. */
  line: readonly string[] = [];
  /** What the library was given, and what is shown for it. */
  readonly #typed = new Map<string, string>();

  /** `deno task` says where its caller stands. */
  constructor({ work = Deno.cwd(), stand = standingPlace(work) }: { work?: string; stand?: string } = {}) {
    this.work = work;
    this.stand = isAbsolute(stand) ? stand : work;
  }

  /** Whether somebody stands elsewhere than where the process works. */
  get elsewhere(): boolean {
    return this.stand !== this.work;
  }

  /** A path for the library. */
  given(typed: string): string {
    if (!this.elsewhere || isAbsolute(typed)) return typed;
    return this.#keep(join(this.stand, typed), typed);
  }

  /** The path of something that lies in the project whoever stands where, say `runs`. */
  ofProject(path: string): string {
    if (!this.elsewhere) return path;
    const whole = join(this.work, path);
    return this.#keep(whole, relative(this.stand, whole));
  }

  #keep(path: string, shown: string): string {
    // A folder's path may end with its separator, which paths below it have once.
    const plain = path.length > 1 ? path.replace(/\/$/, "") : path;
    this.#typed.set(plain, shown.length > 1 ? shown.replace(/\/$/, "") : shown);
    return plain;
  }

  /** A text of the library with paths as they were typed. A whole command line in it is for the project's folder, and stays. */
  told(text: string): string {
    if (this.#typed.size === 0) return text;
    const longest = [...this.#typed].sort(([a], [b]) => b.length - a.length);
    return text.split(/(`[^`]*deno run[^`]*`)/).map((part, at) =>
      at % 2 === 1
        ? part
        : longest.reduce((told, [path, shown]) => told.replaceAll(occurrences(path), () => shown), part)
    ).join("");
  }

  /** A result with paths as they were typed. */
  toldIn(value: unknown): unknown {
    if (this.#typed.size === 0) return value;
    if (typeof value === "string") return this.told(value);
    if (Array.isArray(value)) return value.map((each) => this.toldIn(each));
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, this.toldIn(inner)]));
  }
}
