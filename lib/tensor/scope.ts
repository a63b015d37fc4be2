/** Scopes: who owns the tensors that a function makes. */

/** Something with native memory. */
interface Owned {
  dispose(): void;
}

/** What a scope owns: a tensor. */
interface Ownable extends Owned {
  detachFromScope(): unknown;
}

/** The tensors made since a scope began. */
class Scope {
  readonly #owned = new Set<Owned>();

  add(value: Ownable): void {
    this.#owned.add(value);
  }

  /** Whether it was there. */
  remove(value: Owned): value is Ownable {
    return this.#owned.delete(value);
  }

  has(value: Owned): boolean {
    return this.#owned.has(value);
  }

  /** Disposes of everything, latest first. */
  close(): void {
    for (const value of [...this.#owned].reverse()) value.dispose();
    this.#owned.clear();
  }
}

const scopes: Scope[] = [];

/** The synchronous functions: an open scope across an `await` would adopt other tasks' tensors. */
export type Sync<Result> = Result extends PromiseLike<unknown> ? never : Result;

/** What the constructions under way have made, the outermost first. */
const constructions: Owned[][] = [];

/**
 * What a function makes, or nothing: where it throws, every tensor that it made is disposed of, those too that modules had
 * taken over.
 */
export function allOrNothing<Result>(make: () => Sync<Result>): Result {
  const made: Owned[] = [];
  const depth = constructions.push(made);
  try {
    return make() as Result;
  } catch (error) {
    for (const value of made.reverse()) value.dispose();
    throw error;
  } finally {
    constructions.length = depth - 1;
  }
}

/** Notes a new tensor for the constructions under way. */
export function noteMade(value: Owned): void {
  for (const made of constructions) made.push(value);
}

/** Puts a new tensor under the innermost scope; false if there is none. */
export function own(value: Ownable): boolean {
  const scope = scopes.at(-1);
  scope?.add(value);
  return scope !== undefined;
}

/** Takes a tensor out of every scope, so that its holder owns it. */
export function disown(value: Owned): void {
  for (const scope of scopes) scope.remove(value);
}

/** Whether the innermost scope owns a tensor. */
export function ownedHere(value: Owned): boolean {
  return scopes.at(-1)?.has(value) ?? false;
}

/** Whether a result holds a promise: its work would outlive the scope. */
function isPromise(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

/** The values with native memory in a result: itself, or inside arrays and plain objects. */
export function ownedIn(result: unknown, found: Owned[] = []): Owned[] {
  if (typeof result !== "object" || result === null) return found;
  if (Symbol.dispose in result && "dispose" in result) found.push(result as Owned);
  else if (Array.isArray(result)) result.forEach((element) => ownedIn(element, found));
  else if (Object.getPrototypeOf(result) === Object.prototype) {
    Object.values(result).forEach((element) => ownedIn(element, found));
  }
  return found;
}

/**
 * Runs a synchronous function and disposes of every tensor it made, except those it returns.
 *
 * What it returns (a tensor, or arrays and plain objects of them) belongs to the scope around, or to the caller.
 *
 * @example
 * ```ts
 * import { scope, tensor } from "@libtrain/libtrain";
 *
 * using norm = scope(() => {
 *   const x = tensor([3, 4]);
 *   return x.mul(x).sum().sqrt();
 * });
 * console.log(await norm.item()); // 5
 * ```
 */
export function scope<Result>(fn: () => Result extends PromiseLike<unknown> ? never : Result): Result {
  return scopeAndMade<Result>(fn).result;
}

/** {@linkcode scope}, which also says what of the result was made inside. */
export function scopeAndMade<Result>(fn: () => Sync<Result>): { result: Result; made: readonly Owned[] } {
  if (typeof fn !== "function") throw new TypeError(`scope(): Expected a function, got ${typeof fn}`);
  const inner = new Scope();
  const depth = scopes.push(inner);
  const made: Owned[] = [];
  let returned: Owned[] = [];
  try {
    const result = fn() as Result;
    if (isPromise(result)) {
      throw new TypeError(
        "scope(): Expected a synchronous function, got one that returns a promise: await outside the scope",
      );
    }
    returned = ownedIn(result);
    return { result, made };
  } finally {
    scopes.length = depth - 1;
    const around = scopes.at(-1);
    for (const value of returned) {
      // What was made elsewhere stays with whoever owns it.
      if (!inner.remove(value)) continue;
      made.push(value);
      if (around === undefined) value.detachFromScope();
      else around.add(value);
    }
    inner.close();
  }
}

/** A function whose every call is a {@linkcode scope}. */
export function scoped<Args extends unknown[], Result>(
  fn: (...args: Args) => Result extends PromiseLike<unknown> ? never : Result,
): (...args: Args) => Result {
  if (typeof fn !== "function") throw new TypeError(`scoped(): Expected a function, got ${typeof fn}`);
  return (...args) => scope<Result>(() => fn(...args));
}
