/** Names that stand for builders, to which scripts add their own. */
import { LibtrainError } from "../ffi/errors.ts";

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Options of something that is built by its name; JSON alone, so that a run can be built again from its files. */
export type JsonOptions = { readonly [option: string]: Json | undefined };

/** What stands behind a name. */
export interface Registered<Build> {
  /** Makes it from its options. */
  readonly build: Build;
  /** The names of its options; anything else is then refused. By default `build` is given whatever a recipe holds. */
  readonly options?: readonly string[];
}

/** Names to look in, whatever stands behind them. */
export interface Names {
  /** All names. */
  readonly names: readonly string[];
  /** Whether a name is taken. */
  has(name: unknown): boolean;
  /** What stands behind a name. */
  get(name: unknown): Registered<unknown>;
}

/** A name that nothing is registered under. */
export class NotRegisteredError extends LibtrainError {
  /** Tells this error from others, in logs too. */
  override name = "NotRegisteredError";
  /** What was looked for, say `model`. */
  readonly kind: string;
  /** The name. */
  readonly wanted: string;
  /** The names that there are. */
  readonly known: readonly string[];

  /** Says what is missing, and what there is. */
  constructor(kind: string, wanted: unknown, known: readonly string[]) {
    super(
      `Expected the ${kind} as one of ${
        known.join(", ")
      }, got "${wanted}", which is not registered here: register it ` +
        `first`,
    );
    this.kind = kind;
    this.wanted = String(wanted);
    this.known = known;
  }
}

/** Builders of one kind by name. */
export class Registry<Build extends (...args: never[]) => unknown> {
  /** What it holds, say `model`. */
  readonly kind: string;
  readonly #entries = new Map<string, Registered<Build>>();

  /** Starts with the toolkit's own. */
  constructor(kind: string, own: Readonly<Record<string, Registered<Build>>>) {
    this.kind = kind;
    for (const [name, entry] of Object.entries(own)) this.#entries.set(name, entry);
  }

  /** All names, in the order they were added. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Whether a name is taken. */
  has(name: unknown): boolean {
    return typeof name === "string" && this.#entries.has(name);
  }

  /** What stands behind a name; throws a {@linkcode NotRegisteredError} where nothing does. */
  get(name: unknown): Registered<Build> {
    const entry = typeof name === "string" ? this.#entries.get(name) : undefined;
    if (entry === undefined) throw new NotRegisteredError(this.kind, name, this.names);
    return entry;
  }

  /** Adds a builder; throws a TypeError where the name is taken by another, or is no name. */
  add(name: string, entry: Build | Registered<Build>): void {
    const added = typeof entry === "function" ? { build: entry } : entry;
    if (typeof added?.build !== "function") {
      throw new TypeError(`register(): Expected a function for the ${this.kind} "${name}", got ${typeof entry}`);
    }
    if (!/^[\w-]+$/.test(name)) {
      throw new TypeError(`register(): Expected a name of letters, digits, - and _ for a ${this.kind}, got "${name}"`);
    }
    const before = this.#entries.get(name);
    if (before !== undefined && before.build !== added.build) {
      throw new TypeError(`register(): Expected a name that is free for a ${this.kind}, got "${name}": choose another`);
    }
    this.#entries.set(name, added);
  }
}
