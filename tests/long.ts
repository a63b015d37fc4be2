import { skip } from "./skip.ts";

/** Whether `deno task test --all` runs this. */
const all = Deno.env.get("LIBTRAIN_TEST_ALL") === "1";

/**
 * A test that is a rehearsal and takes long: it runs by `deno task test --all` only, and is listed as skipped otherwise.
 * `what` says what makes it long.
 */
export function long(name: string, what: string, body: () => Promise<void> | void): void {
  Deno.test(name, all ? body : (): void => skip(name, `long, ${what}: run \`deno task test --all\``));
}
