/** Tokens of a state, made and taken back while its server runs or not. */
import { requireText } from "../tensor/ops/checks.ts";
import { ServeError } from "./server.ts";
import { namePattern } from "./http/parameter.ts";
import { Store } from "./store/store.ts";
import type { TokenName } from "./store/tokens.ts";

/**
 * Makes a token for a state's server and gives it: this once, as the state keeps its SHA-256 alone. From the first one on, a
 * server answers nobody without one. Rejects with a {@linkcode ServeError} where there is one of that name.
 *
 * @example
 * ```ts
 * import { serve } from "@libtrain/libtrain";
 *
 * const state = ".cache/serve-example";
 * const token = await serve.addToken(state, "ci");
 * console.log(token.length, (await serve.tokenNames(state)).length);
 * await serve.removeToken(state, "ci");
 * ```
 */
export async function addToken(state: string, name: string): Promise<string> {
  requireText("addToken", "state", state);
  requireText("addToken", "name", name);
  if (!new RegExp(namePattern).test(name)) {
    throw new ServeError(`Expected a token's name of letters, digits, dots, dashes and underscores, got "${name}"`);
  }
  using store = await Store.open(state);
  const token = store.tokens.add(name, Date.now());
  if (token === undefined) {
    throw new ServeError(
      `Expected a token's name that is new, got "${name}": remove that one first, or give another name`,
    );
  }
  return token;
}

/** Takes a token back, from the next request on; gives whether there was one of that name. */
export async function removeToken(state: string, name: string): Promise<boolean> {
  requireText("removeToken", "state", state);
  requireText("removeToken", "name", name);
  using store = await Store.open(state);
  return store.tokens.remove(name);
}

/** The tokens of a state without their secrets, by their names. */
export async function tokenNames(state: string): Promise<readonly TokenName[]> {
  requireText("tokenNames", "state", state);
  using store = await Store.open(state);
  return store.tokens.list();
}
